import type { Buffer } from 'node:buffer';
import { positionOrNull } from '../core/position.ts';

/** Bytes of a body that are looked into; a bigger one is a wake-up like any other. */
export const MAX_PUSH_BYTES = 64 * 1024;

/** A message as far as it matters here. */
export interface PushMessage {
  readonly content: Buffer;
  /** The exchange it came by; '' when it was put into the queue directly. */
  readonly exchange: string;
  /** As the publisher wrote them: never trusted. */
  readonly headers: Readonly<Record<string, unknown>> | undefined;
}

/**
 * What a message is worth. Everything that came by the exchange says "look now", whoever sent it and whatever it holds;
 * the position is for the figures alone.
 */
export type Push =
  | { readonly kind: 'event'; readonly position: bigint }
  /** By the exchange, without a position that could be one: from another publisher, or forged. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'oversized' }
  /** Not by the exchange: nobody of ours puts anything into this queue. */
  | { readonly kind: 'foreign' };

/** Decides on a message; sized before it is parsed. Never throws. */
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

/** A decimal string from 1 to 2^63 - 1: a JSON number may have lost its last digits on the way. */
export function readPosition(value: unknown): bigint | null {
  const position = typeof value === 'string' ? positionOrNull(value) : null;
  return position === 0n ? null : position;
}
