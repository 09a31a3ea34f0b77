import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventIdOf } from '../../src/cli/event-id.ts';

const PLACE = { instanceId: '', aggregateName: 'domain.Band', aggregateId: 'b1', sequenceNo: 7n };

// Seen red with: any other namespace, order or form of the four.
test('the id of a place is the one it has always had, or a file would be imported twice', () => {
  expect(eventIdOf(PLACE)).toBe('04607b67-4220-5ad2-b1c3-5d4ab321480a');
});

test('it is a UUID of version 5, the same every time, and another one for another place', () => {
  const place = fc.record({
    instanceId: fc.string(),
    aggregateName: fc.string(),
    aggregateId: fc.string(),
    sequenceNo: fc.bigInt({ min: 0n, max: 2n ** 63n }),
  });
  fc.assert(
    fc.property(place, place, (one, other) => {
      const id = eventIdOf(one);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(eventIdOf({ ...one })).toBe(id);
      if (Object.values(one).join('\0') !== Object.values(other).join('\0')) expect(eventIdOf(other)).not.toBe(id);
    }),
    { seed: 12 },
  );
});

// Seen red with: the four joined by a separator.
test('texts that run into each other are told apart', () => {
  const apart = { ...PLACE, aggregateName: 'domain.Ban', aggregateId: 'db1' };
  expect(eventIdOf(apart)).not.toBe(eventIdOf(PLACE));
  expect(eventIdOf({ ...PLACE, instanceId: 'domain.Band', aggregateName: '' })).not.toBe(eventIdOf(PLACE));
});
