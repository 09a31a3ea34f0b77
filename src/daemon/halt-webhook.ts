import { fullJitter } from '../core/backoff.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { OnHalt } from '../core/halt.ts';
import { untilAborted } from '../core/signals.ts';

const TRIES = 3;
const WITHIN_MS = 5_000;
const BACKOFF = { baseMs: 1_000, capMs: 5_000 } as const;

/** Times that tests override. */
export interface HaltWebhookTimes {
  /** For one try. Default 5000. */
  readonly withinMs?: number;
  /** Greatest delay before another try. Default 1000, then 2000. */
  readonly baseMs?: number;
  readonly clock?: Clock;
}

/**
 * Posts each halt as JSON to an address, up to three times. Only the address that the operator has set is used: a redirect
 * counts as a refusal, and the body of the answer is not read. Its errors never contain the address, which may hold a
 * secret.
 */
export function haltWebhook(
  address: string,
  { withinMs = WITHIN_MS, baseMs, clock = systemClock }: HaltWebhookTimes = {},
): OnHalt {
  const { url, authorization } = withoutCredentials(address);
  const headers = { 'content-type': 'application/json', 'user-agent': 'projectionist', ...authorization };
  return async (halt, { signal }) => {
    const body = JSON.stringify(halt);
    for (let attempt = 1; ; attempt += 1) {
      const refusal = await untilAborted({ signals: [signal], ms: withinMs }, (deadline) =>
        post(url, { method: 'POST', headers, body, redirect: 'manual', signal: deadline }),
      );
      if (refusal === null) return;
      signal.throwIfAborted();
      if (attempt === TRIES) throw new Error(`the webhook did not accept it in ${TRIES} tries: ${refusal}`);
      const backoff = { ...BACKOFF, ...(baseMs !== undefined && { baseMs }) };
      await clock.sleep(fullJitter(attempt, backoff, clock.random()), signal);
    }
  };
}

/** @returns why it failed; null if it was accepted */
async function post(url: string, init: RequestInit): Promise<string | null> {
  try {
    const answer = await fetch(url, init);
    await answer.body?.cancel();
    return answer.ok ? null : `it answered ${answer.status}`;
  } catch (error) {
    return whyNot(error);
  }
}

/** Only the code: a message may repeat the address. */
function whyNot(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'it did not answer in time';
  const cause: unknown = error instanceof Error ? error.cause : null;
  const code: unknown = typeof cause === 'object' && cause !== null ? Reflect.get(cause, 'code') : null;
  return typeof code === 'string' ? code : 'it could not be reached';
}

/** fetch refuses an address that contains a user. */
function withoutCredentials(address: string): { url: string; authorization: { authorization?: string } } {
  const url = new URL(address);
  const { username, password } = url;
  if (username === '' && password === '') return { url: url.href, authorization: {} };
  url.username = '';
  url.password = '';
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url: url.href, authorization: { authorization: `Basic ${Buffer.from(user).toString('base64')}` } };
}
