import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

/** How a handshake ends: 101, or the status and code of the refusal. */
export async function handshake(url: string, protocols: string[], options: object = {}): Promise<string> {
  const client = new WebSocket(url, protocols, options);
  onTestFinished(() => client.terminate());
  return await new Promise((resolve, reject) => {
    client.on('error', reject);
    client.on('open', () => resolve(`101 ${client.protocol}`.trim()));
    client.on('unexpected-response', (_, response: IncomingMessage) => {
      text(response).then((body) => resolve(`${response.statusCode} ${JSON.parse(body).code}`), reject);
    });
  });
}
