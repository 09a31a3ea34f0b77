import { filter, firstValueFrom, timeout } from 'rxjs';
import { afterAll, describe, expect, test } from 'vitest';
import { openLink } from '../../src/broker/connection.ts';
import { openBroker } from '../support/broker.ts';

const opened = await openBroker();
afterAll(async () => await opened?.[Symbol.asyncDispose]());

/** The reason why the broker is not used, as status and log have it. */
async function reasonFor(url: string): Promise<string> {
  const link = openLink({ urls: [url], name: 'test' });
  try {
    const failed = link.events$.pipe(filter((event) => event.type === 'FAILED'));
    return (await firstValueFrom(failed.pipe(timeout(20_000)))).reason;
  } finally {
    await link.close();
  }
}

describe.skipIf(opened === null)('a RabbitMQ that refuses', () => {
  const at = (change: (url: URL) => void): string => {
    const url = new URL(opened?.url ?? '');
    change(url);
    return url.href;
  };

  // Seen red with: brokerReason left out of reasonOf (`Expected ConnectionOpenOk; got <ConnectionClose channel:0>`).
  test('a vhost that does not exist is reported, with the commands to check it', async () => {
    const reason = await reasonFor(at((url) => (url.pathname = '/nope')));
    expect(reason).toMatch(/\/nope: the broker refuses the vhost: it does not exist \(`rabbitmqctl list_vhosts`\)/);
    expect(reason).not.toMatch(/Expected|ConnectionClose/);
  });

  test("a wrong password is reported with the broker's own message", async () => {
    const reason = await reasonFor(at((url) => (url.password = 'hunter22')));
    expect(reason).toMatch(/: ACCESS_REFUSED - Login was refused/);
    expect(reason).not.toContain('hunter22');
  });
});
