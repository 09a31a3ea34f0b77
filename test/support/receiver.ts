import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** An HTTP server that keeps the requests posted to it, and answers with `answer`. */
export async function startReceiver(answer: (response: ServerResponse, count: number) => void) {
  const posted: { readonly headers: IncomingHttpHeaders; readonly path: string; readonly body: string }[] = [];
  const server = createServer((incoming, outgoing) => {
    void text(incoming).then((body) => {
      posted.push({ headers: incoming.headers, path: incoming.url ?? '', body });
      answer(outgoing, posted.length);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { posted, host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}
