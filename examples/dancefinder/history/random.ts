/** Pseudo-random numbers: the same seed gives the same numbers, on every machine. */
export interface Random {
  /** 0 <= x < 2^32 */
  readonly word: () => number;
  /** 0 <= x < bound, a whole number */
  readonly below: (bound: number) => number;
  readonly chance: (probability: number) => boolean;
  /** @throws RangeError on an empty list */
  readonly pick: <T>(list: readonly T[]) => T;
}

const WORD = 2 ** 32;

/** Each `stream` has independent numbers for one seed, so that the number of ids does not change the names. */
export function createRandom(seed: number, stream: number): Random {
  const word = sfc32(seed, stream);
  const below = (bound: number) => Math.floor((word() / WORD) * bound);
  return {
    word,
    below,
    chance: (probability) => word() < probability * WORD,
    pick: <T>(list: readonly T[]): T => {
      const index = below(list.length);
      const found = list[index];
      if (found === undefined) throw new RangeError(`nothing to pick at ${index} of ${list.length}`);
      return found;
    },
  };
}

/** Chris Doty-Humphrey's sfc32: 128 bits of state, passes PractRand, three additions and a rotation per draw. */
function sfc32(seed: number, stream: number): () => number {
  let a = (seed % WORD) | 0;
  let b = Math.floor(seed / WORD) | 0;
  let c = stream | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The number of rounds that the author recommends until the outputs of neighbouring seeds are independent.
  for (let round = 0; round < 15; round += 1) next();
  return next;
}
