import { expect, test } from 'vitest';
import type { Halt } from '../../src/core/halt.ts';
import { haltWebhook } from '../../src/daemon/halt-webhook.ts';
import { startReceiver } from '../support/receiver.ts';

const halt: Halt = {
  projection: 'band',
  position: '9007199254740993',
  eventId: 'e',
  eventName: 'BandCreated',
  error: 'no',
  sqlstate: null,
  code: null,
  attempts: 6,
  at: '2026-01-01T00:00:00Z',
  daemon: 'd:1',
};
const SECRET = 's3cr3t-path';
const options = () => ({ signal: new AbortController().signal });

// Seen red with: TRIES = 1; `answer.ok` not checked.
test('a halt is posted again until it is accepted, at most three times', async () => {
  const receiver = await startReceiver((response, count) => void response.writeHead(count < 3 ? 500 : 204).end());
  await haltWebhook(`http://me:p%40ss@${receiver.host}/${SECRET}`, { baseMs: 1 })(halt, options());
  expect(receiver.posted).toHaveLength(3);
  for (const { body, headers, path } of receiver.posted) {
    expect(JSON.parse(body)).toEqual(halt);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
    });
    expect(path).toBe(`/${SECRET}`);
  }
});

test.each([
  ['a refusal', (host: string) => `http://${host}/${SECRET}`, 'it answered 404', 404],
  ['a redirect, which is not followed,', (host: string) => `http://${host}/${SECRET}`, 'it answered 302', 302],
  ['no server', () => `http://127.0.0.1:9/${SECRET}`, 'it could not be reached', 0],
])('%s is reported in words without the address', async (_what, address, words, status) => {
  const elsewhere = await startReceiver((response) => void response.end());
  const receiver = await startReceiver(
    (response) => void response.writeHead(status, { location: `http://${elsewhere.host}/` }).end(),
  );
  const error: unknown = await Promise.resolve(
    haltWebhook(address(receiver.host), { baseMs: 1 })(halt, options()),
  ).catch((thrown: unknown) => thrown);
  expect(String(error)).toMatch(
    new RegExp(`^Error: the webhook did not accept it in 3 tries: (${words}|ECONNREFUSED)$`),
  );
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(SECRET);
  expect(elsewhere.posted).toEqual([]);
});

// Seen red with: no deadline of a try; the signal not given to fetch.
test('an attempt without an answer ends at its deadline, and at once when the daemon stops', async () => {
  const receiver = await startReceiver(() => undefined);
  const webhook = haltWebhook(`http://${receiver.host}/`, { withinMs: 50, baseMs: 1 });
  await expect(webhook(halt, options())).rejects.toThrow('it did not answer in time');
  expect(receiver.posted).toHaveLength(3);
  const stopping = new AbortController();
  const telling = haltWebhook(`http://${receiver.host}/`)(halt, { signal: stopping.signal });
  setImmediate(() => stopping.abort(new Error('stopping')));
  await expect(telling).rejects.toThrow('stopping');
});
