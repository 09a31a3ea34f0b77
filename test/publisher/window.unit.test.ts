import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type InFlightMessage, SendWindow } from '../../src/publisher/window.ts';

/** One step of a broker that may lose, refuse and answer messages in any order. */
type Step =
  | { readonly kind: 'send'; readonly bytes: number }
  | { readonly kind: 'confirm' | 'refuse'; readonly at: number }
  /** The channel is lost: the broker had accepted a part of what was sent, in order, and answered no more. */
  | { readonly kind: 'lose'; readonly accepted: number };

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), bytes: fc.integer({ min: 0, max: 60 }) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('confirm' as const), at: fc.nat(50) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuse' as const), at: fc.nat(50) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), accepted: fc.nat(50) }) },
  ),
  { maxLength: 300 },
);

const LIMITS = { messages: 8, bytes: 100 };

/** Runs the steps against a window and a queue that gets the messages that the broker accepts. */
function runSteps(history: readonly Step[]) {
  const window = new SendWindow(LIMITS);
  const queue: bigint[] = [];
  const old: InFlightMessage[] = [];
  let flight: { readonly sent: InFlightMessage; accepted: boolean | null }[] = [];
  let prefixes = [0n];
  const newRound = (): void => {
    old.push(...flight.map(({ sent }) => sent));
    flight = [];
    window.startFrom(window.prefix);
  };
  /** The broker processes messages in the order in which they arrive. */
  const process = (count: number): void => {
    for (const one of flight.slice(0, count)) {
      if (one.accepted === null) queue.push(one.sent.position);
      one.accepted ??= true;
    }
  };
  for (const step of history) {
    if (step.kind === 'send' && window.refused) newRound();
    else if (step.kind === 'send' && window.hasRoom()) {
      flight.push({ sent: window.send(window.last + 1n, step.bytes), accepted: null });
    } else if (step.kind === 'confirm' || step.kind === 'refuse') {
      const index = step.at % Math.max(1, flight.length);
      const one = flight[index];
      if (one === undefined) continue;
      if (step.kind === 'refuse' && one.accepted === null) {
        process(index);
        one.accepted = false;
        window.refuse(one.sent);
      } else if (one.accepted !== false) {
        process(index + 1);
        window.confirm(one.sent);
      }
    } else if (step.kind === 'lose') {
      process(step.accepted);
      newRound();
    }
    // Answers to messages of earlier rounds must not count.
    const refused = window.refused;
    for (const [index, sent] of old.slice(-4).entries()) index % 2 === 0 ? window.confirm(sent) : window.refuse(sent);
    expect(window.refused).toBe(refused);
    expect(window.unanswered).toBe(flight.filter(({ sent }) => sent.answer === 'none').length);
    prefixes = [...prefixes, window.prefix];
  }
  return { window, queue, prefixes };
}

describe('the window', () => {
  // Seen red with: `round` not compared in #answer; `last` kept in a new round; the prefix moved by any confirm.
  test('counts as published only what the queue has, each with everything before it', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const { window, queue } = runSteps(history);
        const has = new Set(queue);
        for (let position = 1n; position <= window.prefix; position += 1n) expect(has.has(position)).toBe(true);
      }),
      { seed: 7, numRuns: 2000 },
    );
  });

  test('moves the prefix only forward', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const { prefixes } = runSteps(history);
        for (const [index, prefix] of prefixes.entries()) expect(prefix >= (prefixes[index - 1] ?? 0n)).toBe(true);
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  // Seen red with: `last` kept in a new round.
  test('keeps first deliveries in order over any number of lost channels', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const { queue } = runSteps(history.filter(({ kind }) => kind !== 'refuse'));
        const first = [...new Set(queue)];
        expect(first).toEqual(first.map((_, index) => BigInt(index + 1)));
      }),
      { seed: 7, numRuns: 2000 },
    );
  });

  test('never has more in flight than its limits, except for one message larger than they are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 60 }), fc.nat(30), (sizes, confirms) => {
        const window = new SendWindow(LIMITS);
        const flight: InFlightMessage[] = [];
        let most = 0;
        for (const bytes of sizes) {
          if (!window.hasRoom()) {
            for (const sent of flight.splice(0, confirms)) window.confirm(sent);
            continue;
          }
          const before = flight.reduce((sum, sent) => sum + sent.bytes, 0);
          expect(flight.length === 0 || before < LIMITS.bytes).toBe(true);
          flight.push(window.send(window.last + 1n, bytes));
          most = Math.max(most, flight.length);
        }
        expect(most).toBeLessThanOrEqual(LIMITS.messages);
      }),
      { seed: 7 },
    );
  });

  // Seen red with: limit 8 from the start; `singles` not set by a refusal.
  test('begins each round with one message, doubles with what is confirmed, and after a refusal stays at one for a while', () => {
    const window = new SendWindow(LIMITS);
    expect([burst(window), burst(window), burst(window), burst(window), burst(window)]).toEqual([1, 2, 4, 8, 8]);
    window.refuse(window.send(window.last + 1n, 1));
    expect(window.hasRoom()).toBe(false);
    window.startFrom(window.prefix);
    const after = Array.from({ length: 103 }, () => burst(window));
    expect(after.slice(0, 100)).toEqual(Array.from({ length: 100 }, () => 1));
    expect(after.slice(100)).toEqual([1, 2, 4]);
  });

  // Seen red with: `singles` not counted down; set to no more than 0.
  test('sends one at a time for a hundred messages after sendOneAtATime, and then doubles again', () => {
    const window = new SendWindow(LIMITS);
    window.sendOneAtATime();
    const bursts = Array.from({ length: 103 }, () => burst(window));
    expect(bursts).toEqual([...Array(100).fill(1), 1, 2, 4]);
  });

  // Seen red with: `limit` kept in a new round.
  test('begins a new round with one message and without credit', () => {
    const window = new SendWindow(LIMITS);
    expect([burst(window), burst(window)]).toEqual([1, 2]);
    // One more of the four that would make it eight.
    window.confirm(window.send(window.last + 1n, 1));
    window.startFrom(window.prefix);
    expect([burst(window), burst(window), burst(window)]).toEqual([1, 2, 4]);
  });

  // Seen red with: bytes kept in a new round; `bytes <=` for `bytes <`.
  test('has nothing in flight in a new round', () => {
    const window = new SendWindow(LIMITS);
    expect([burst(window), burst(window)]).toEqual([1, 2]);
    window.send(window.last + 1n, LIMITS.bytes - 1);
    expect(window.hasRoom()).toBe(true);
    window.send(window.last + 1n, 1);
    expect(window.hasRoom()).toBe(false);
    window.startFrom(window.prefix);
    expect([window.inFlight, window.unanswered, window.last]).toEqual([0, 0, window.prefix]);
    window.confirm(window.send(window.last + 1n, 1));
    window.send(window.last + 1n, LIMITS.bytes - 1);
    expect(window.hasRoom()).toBe(true);
  });

  // Seen red with: `done` kept in a new round (no message of the round is ever confirmed, and the publisher makes no progress).
  test('counts the confirmed messages of a new round from none', () => {
    const window = new SendWindow({ messages: 64, bytes: 1000 });
    for (let count = 0; count < 4; count += 1) burst(window);
    const [first] = Array.from({ length: 5 }, () => window.send(window.last + 1n, 1));
    if (first !== undefined) window.confirm(first);
    window.startFrom(window.prefix);
    expect(window.inFlight).toBe(0);
    window.confirm(window.send(100n, 1));
    expect(window.prefix).toBe(100n);
  });

  test('counts the first answer to each message and ignores later ones', () => {
    const window = new SendWindow(LIMITS);
    const sent = window.send(1n, 1);
    window.confirm(sent);
    window.refuse(sent);
    expect([window.refused, window.unanswered, window.prefix]).toEqual([false, 0, 1n]);
    const refused = window.send(2n, 1);
    window.refuse(refused);
    window.confirm(refused);
    expect([window.refused, window.unanswered, window.prefix, window.inFlight]).toEqual([true, 0, 1n, 1]);
  });

  test('starts after the cursor, and counts what is in flight and unanswered', () => {
    const window = new SendWindow(LIMITS);
    window.startFrom(41n);
    window.confirm(window.send(43n, 1));
    window.send(44n, 1);
    window.send(47n, 1);
    expect([window.prefix, window.last, window.inFlight, window.unanswered]).toEqual([43n, 47n, 2, 2]);
  });
});

/** Sends while there is room, then confirms all of it. @returns how many messages that were */
function burst(window: SendWindow): number {
  const flight: InFlightMessage[] = [];
  while (window.hasRoom()) flight.push(window.send(window.last + 1n, 1));
  for (const sent of flight.toReversed()) window.confirm(sent);
  return flight.length;
}
