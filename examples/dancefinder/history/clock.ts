import type { Random } from './random.ts';

const SECOND = 1_000_000;

export interface Clock {
  /** The time of the next event, UTC with microseconds. */
  readonly next: () => string;
  /** The day that many days after the latest event, YYYY-MM-DD. */
  readonly day: (after: number) => string;
}

/** Times as of several writers: in bursts, sometimes equal, sometimes slightly earlier than the one before. */
export function createClock(random: Random, startsAt: string, paceSeconds: number): Clock {
  const started = Date.parse(startsAt);
  if (Number.isNaN(started)) throw new RangeError(`'${startsAt}' is not a time`);
  // Microseconds of the epoch stay below 2^53 until the year 2255.
  let now = started * 1000;
  const toText = createMicrosecondText();
  return {
    next: () => {
      now += step(random, paceSeconds);
      return toText(random.chance(0.03) ? now - random.below(2 * SECOND) : now);
    },
    day: (after) => new Date(now / 1000 + after * 86_400_000).toISOString().slice(0, 10),
  };
}

function step(random: Random, paceSeconds: number): number {
  if (random.chance(0.05)) return 0;
  if (random.chance(0.4)) return 1 + random.below(900);
  // 57 in 100 steps reach this line. The others are short, so these determine the average of all.
  return 1 + random.below(3.5 * paceSeconds * SECOND);
}

/** Caches the text of the last second: formatting a date is slow, and most events have the second of the one before. */
function createMicrosecondText(): (micros: number) => string {
  let second = Number.NaN;
  let prefix = '';
  return (micros) => {
    const whole = Math.floor(micros / SECOND);
    if (whole !== second) {
      second = whole;
      prefix = new Date(whole * 1000).toISOString().slice(0, 20);
    }
    return `${prefix}${String(micros - whole * SECOND).padStart(6, '0')}Z`;
  };
}
