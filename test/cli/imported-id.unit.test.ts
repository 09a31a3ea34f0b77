import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventIdOf } from '../../src/cli/import-line.ts';

const EVENT = { instanceId: '', aggregateName: 'domain.Band', aggregateId: 'b1', sequenceNo: 7n };

// Seen red with: any other namespace, order or form of the four.
test('the id of a stream and number never changes, or a file would be imported twice', () => {
  expect(eventIdOf(EVENT)).toBe('04607b67-4220-5ad2-b1c3-5d4ab321480a');
});

test('the id is a UUID of version 5, the same every time, and another one for another event', () => {
  const streamAndNumber = fc.record({
    instanceId: fc.string(),
    aggregateName: fc.string(),
    aggregateId: fc.string(),
    sequenceNo: fc.bigInt({ min: 0n, max: 2n ** 63n }),
  });
  fc.assert(
    fc.property(streamAndNumber, streamAndNumber, (one, other) => {
      const id = eventIdOf(one);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(eventIdOf({ ...one })).toBe(id);
      if (Object.values(one).join('\0') !== Object.values(other).join('\0')) expect(eventIdOf(other)).not.toBe(id);
    }),
    { seed: 12 },
  );
});

// Seen red with: the four joined by a separator.
test('texts with the same concatenation get different ids', () => {
  const moved = { ...EVENT, aggregateName: 'domain.Ban', aggregateId: 'db1' };
  expect(eventIdOf(moved)).not.toBe(eventIdOf(EVENT));
  expect(eventIdOf({ ...EVENT, instanceId: 'domain.Band', aggregateName: '' })).not.toBe(eventIdOf(EVENT));
});
