import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type HighWaterMark, nextHighWaterMark } from '../../src/event-store/announced-bounds.ts';

const low = (position: bigint) => position & (2n ** 31n - 1n);

test('without open appenders the mark is the last allocated position; with some it is the lowest bound', () => {
  expect(nextHighWaterMark({ lastAllocated: 9n, announced: [] }, null).head).toBe(9n);
  expect(nextHighWaterMark({ lastAllocated: 9n, announced: [7n, 4n, 8n] }, null).head).toBe(4n);
  expect(nextHighWaterMark({ lastAllocated: 9n, announced: [0n] }, null).head).toBe(0n);
});

test('a bound is unwrapped to the greatest number that fits the last allocated position', () => {
  const lastAllocated = 5n * 2n ** 31n + 3n;
  expect(nextHighWaterMark({ lastAllocated, announced: [3n] }, null).head).toBe(lastAllocated);
  expect(nextHighWaterMark({ lastAllocated, announced: [2n, low(-1n)] }, null).head).toBe(5n * 2n ** 31n - 1n);
  expect(
    nextHighWaterMark({ lastAllocated, announced: [low(lastAllocated - 2n ** 31n + 2n ** 20n + 1n)] }, null).head,
  ).toBe(lastAllocated - 2n ** 31n + 2n ** 20n + 1n);
});

// Seen red with: `limit` set to `lastAllocated` in unwrap.
test('an appender that began between the two statements of a poll holds nothing back', () => {
  expect(nextHighWaterMark({ lastAllocated: 9n, announced: [10n, 12n] }, { head: 4n, lastAllocated: 6n }).head).toBe(
    9n,
  );
  expect(nextHighWaterMark({ lastAllocated: 0n, announced: [1n] }, null).head).toBe(0n);
  const edge = 2n ** 31n - 1n;
  expect(nextHighWaterMark({ lastAllocated: edge, announced: [low(edge + 1n)] }, null).head).toBe(edge);
});

// Seen red with: `head: bound` as the result.
test('the mark never falls, though a bound that was read early is announced late', () => {
  const first = nextHighWaterMark({ lastAllocated: 9n, announced: [] }, null);
  expect(nextHighWaterMark({ lastAllocated: 9n, announced: [5n] }, first).head).toBe(9n);
});

// Seen red with: the comparison with JUMP removed; `>=` in its place; `lastAllocated` moved on in the mark that holds.
test('a jump of more than 2^30 holds the mark until no transaction has an announcement', () => {
  const before: HighWaterMark = { head: 10n, lastAllocated: 12n };
  const jumped = 12n + 2n ** 30n + 1n;
  const held = nextHighWaterMark({ lastAllocated: jumped, announced: [11n] }, before);
  expect(held.head).toBe(10n);
  const stillHeld = nextHighWaterMark({ lastAllocated: jumped + 1n, announced: [low(jumped)] }, held);
  expect(stillHeld.head).toBe(10n);
  expect(nextHighWaterMark({ lastAllocated: jumped + 1n, announced: [] }, stillHeld).head).toBe(jumped + 1n);
  expect(nextHighWaterMark({ lastAllocated: jumped - 1n, announced: [low(jumped - 2n)] }, before).head).toBe(
    jumped - 2n,
  );
});

/** What happens in a store: `tx` is one of five sessions, each of which begins a new transaction after an end. */
interface Step {
  /** A poll reads the last allocated position, a scan some steps later the announcements. */
  readonly kind: 'bound' | 'lock' | 'draw' | 'commit' | 'rollback' | 'poll' | 'scan';
  readonly tx: number;
}

const tx = fc.nat({ max: 2 });
/** Ends are rarer than draws, or hardly a look would find anything open. */
const kind = fc.constantFrom('bound', 'bound', 'lock', 'lock', 'draw', 'draw', 'draw', 'draw', 'commit', 'rollback');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind, tx }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('poll', 'scan'), tx }) },
);

interface OpenTransaction {
  bound: bigint | null;
  locked: boolean;
  readonly drew: bigint[];
}

/** Plays a history; a step that its session cannot take now is left out. */
function play(start: bigint, steps: readonly Step[]) {
  let last = start;
  const sessions = new Map<number, OpenTransaction>();
  const appeared: { readonly position: bigint; readonly at: number }[] = [];
  const highWaterMark: { readonly head: bigint; readonly greatest: bigint; readonly at: number }[] = [];
  let mark: HighWaterMark | null = null;
  let lastAllocated: bigint | null = null;
  for (const [at, one] of steps.entries()) {
    if (one.kind === 'poll') lastAllocated = last;
    else if (one.kind === 'scan') {
      if (lastAllocated === null) continue;
      const bounds = [...sessions.values()].flatMap(({ locked, bound }) => (locked && bound !== null ? [bound] : []));
      const previous: bigint = mark?.head ?? 0n;
      mark = nextHighWaterMark({ lastAllocated, announced: bounds.map(low) }, mark);
      const bound = bounds.reduce((a, b) => (b < a ? b : a), lastAllocated);
      highWaterMark.push({ head: mark.head, greatest: bound > previous ? bound : previous, at });
      lastAllocated = null;
    } else {
      const session = sessions.get(one.tx) ?? { bound: null, locked: false, drew: [] };
      sessions.set(one.tx, session);
      if (one.kind === 'bound') session.bound ??= last;
      else if (one.kind === 'lock') session.locked = session.bound !== null;
      else if (one.kind === 'draw' && session.locked) {
        last += 1n;
        session.drew.push(last);
      } else if (one.kind === 'commit' || one.kind === 'rollback') {
        if (one.kind === 'commit') appeared.push(...session.drew.map((position) => ({ position, at })));
        sessions.delete(one.tx);
      }
    }
  }
  return { highWaterMark, appeared };
}

// Seen red with: unwrap without `- SPAN`; `limit` set to `lastAllocated`; `head: bound` as the result.
test('for any history the mark is never above a position still to appear, and as high as can be known', () => {
  let polls = 0;
  let held = 0;
  const starts = fc.constantFrom(0n, 2n ** 31n - 4n, 2n ** 32n - 3n, 2n ** 62n - 2n);
  fc.assert(
    fc.property(starts, fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), (start, steps) => {
      const { highWaterMark, appeared } = play(start, steps);
      for (const { head, greatest, at } of highWaterMark) {
        expect(head).toBe(greatest);
        for (const one of appeared) if (one.at > at) expect(one.position).toBeGreaterThan(head);
        polls += 1;
        if (appeared.some((one) => one.at > at)) held += 1;
      }
    }),
    { seed: 7, numRuns: 1000 },
  );
  expect(polls).toBeGreaterThan(2000);
  expect(held).toBeGreaterThan(200);
});
