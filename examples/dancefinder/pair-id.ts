import { hash } from 'node:crypto';

/** It must never change: another namespace would give every row of the ignored_ tables another id at the next replay. */
const PAIR_NAMESPACE = '48ab7772-18a1-4497-b42e-e0166ed74df7';

/**
 * The id of a row for a pair, such as (band, subject). It depends on the pair alone, so a replay writes the same row. The
 * pair is encoded as JSON: a plain separator could occur inside either part.
 */
export function pairId(first: string, second: string): string {
  return uuidV5(PAIR_NAMESPACE, JSON.stringify([first, second]));
}

/** RFC 9562, 5.5: a UUID from a namespace and a name. */
export function uuidV5(namespace: string, name: string): string {
  const bytes = Buffer.concat([Buffer.from(namespace.replaceAll('-', ''), 'hex'), Buffer.from(name, 'utf8')]);
  const hex = hash('sha1', bytes, 'hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
