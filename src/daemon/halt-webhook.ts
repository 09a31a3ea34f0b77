import { setTimeout as pause } from 'node:timers/promises';
import { fullJitter } from '../core/backoff.ts';
import type { OnHalt } from '../core/halt.ts';
import { untilAborted } from '../core/signals.ts';

const TRIES = 3;
const WITHIN_MS = 5_000;
const BACKOFF = { baseMs: 1_000, capMs: 5_000 } as const;

/** Overrides of what tests do not want to wait for. */
export interface HaltWebhookTimes {
  /** Of one try. Default 5000. */
  readonly withinMs?: number;
  /** Before another try, at most. Default 1000, then 2000. */
  readonly baseMs?: number;
}

/**
 * Posts each halt as JSON to an address, up to three times. Only the address that the operator has set is ever asked: a
 * redirect counts as a refusal, and nothing of the answer is read. What it throws never holds the address, which may
 * have a secret in it.
 */
export function haltWebhook(address: string, { withinMs = WITHIN_MS, baseMs }: HaltWebhookTimes = {}): OnHalt {
  const { url, authorization } = withoutCredentials(address);
  const headers = { 'content-type': 'application/json', 'user-agent': 'projectionist', ...authorization };
  return async (halt, { signal }) => {
    const body = JSON.stringify(halt);
    for (let attempt = 1; ; attempt += 1) {
      const databaseError = await untilAborted({ signals: [signal], ms: withinMs }, (deadline) =>
        post(url, { method: 'POST', headers, body, redirect: 'manual', signal: deadline }),
      );
      if (databaseError === null) return;
      signal.throwIfAborted();
      if (attempt === TRIES) throw new Error(`the webhook did not take it in ${TRIES} tries: ${databaseError}`);
      const backoff = { ...BACKOFF, ...(baseMs !== undefined && { baseMs }) };
      await pause(fullJitter(attempt, backoff, Math.random()), undefined, { signal });
    }
  };
}

/** @returns what went wrong, null when it was taken */
async function post(url: string, init: RequestInit): Promise<string | null> {
  try {
    const answer = await fetch(url, init);
    await answer.body?.cancel();
    return answer.ok ? null : `it answered ${answer.status}`;
  } catch (error) {
    return whyNot(error);
  }
}

/** The code alone: a message may repeat the address. */
function whyNot(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'it did not answer in time';
  const cause: unknown = error instanceof Error ? error.cause : null;
  const code: unknown = typeof cause === 'object' && cause !== null ? Reflect.get(cause, 'code') : null;
  return typeof code === 'string' ? code : 'it could not be reached';
}

/** fetch refuses an address with a user in it. */
function withoutCredentials(address: string): { url: string; authorization: { authorization?: string } } {
  const url = new URL(address);
  const { username, password } = url;
  if (username === '' && password === '') return { url: url.href, authorization: {} };
  url.username = '';
  url.password = '';
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url: url.href, authorization: { authorization: `Basic ${Buffer.from(user).toString('base64')}` } };
}
