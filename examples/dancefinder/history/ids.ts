import type { Random } from './random.ts';

const HEX = Array.from({ length: 65_536 }, (_, value) => value.toString(16).padStart(4, '0'));

/** UUIDs of version 8, distributed like random ones, but determined by the seed. */
export function createIds(random: Random): () => string {
  const high = (word: number) => HEX[word >>> 16];
  const low = (word: number) => HEX[word & 0xffff];
  return () => {
    const [a, b, c, d] = [random.word(), random.word(), random.word(), random.word()];
    const version = HEX[0x8000 | (b & 0x0fff)];
    const variant = HEX[0x8000 | ((c >>> 16) & 0x3fff)];
    return `${high(a)}${low(a)}-${high(b)}-${version}-${variant}-${low(c)}${high(d)}${low(d)}`;
  };
}
