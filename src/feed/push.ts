import type { Buffer } from 'node:buffer';
import { positionOrNull } from '../core/position.ts';

/** Greatest size of a body that is parsed. A larger one is a wakeup like any other. */
export const MAX_PUSH_BYTES = 64 * 1024;

/** The parts of a message that are used. */
export interface PushMessage {
  readonly content: Buffer;
  /** The exchange that routed it; '' if it was published directly to the queue. */
  readonly exchange: string;
  /** Set by the sender: never trusted. */
  readonly headers: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The kind of a message. Every message from the exchange causes a poll, whatever its sender and its content; the position is
 * used for metrics alone.
 */
export type Push =
  | { readonly kind: 'event'; readonly position: bigint }
  /** From the exchange, without a valid position: from another publisher, or forged. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'oversized' }
  /** Not from the exchange: no part of the engine publishes directly to this queue. */
  | { readonly kind: 'foreign' };

/** Classifies a message; the size is checked before it is parsed. Never throws. */
export function readPush({ content, exchange, headers }: PushMessage, ownExchange: string): Push {
  if (exchange !== ownExchange) return { kind: 'foreign' };
  if (content.length > MAX_PUSH_BYTES) return { kind: 'oversized' };
  const body = parseObject(content);
  if (body === null) return { kind: 'malformed' };
  const position = readPosition(headers?.['position'] ?? body['position']);
  return position === null ? { kind: 'unknown' } : { kind: 'event', position };
}

/** A JSON object, or null. */
export function parseObject(content: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const json: unknown = JSON.parse(content.toString('utf8'));
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** A decimal string from 1 to 2^63 - 1; a JSON number may have lost its last digits. */
export function readPosition(value: unknown): bigint | null {
  const position = typeof value === 'string' ? positionOrNull(value) : null;
  return position === 0n ? null : position;
}
