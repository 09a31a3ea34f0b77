import { expect, test } from 'vitest';
import { UnhandledCounter } from '../../src/projector/event-notices.ts';
import { createLedger } from '../support/noted-ledger.ts';

const event = (position: bigint, name: string) => ({ position, name });

// Seen red with: `position <= this.#counted` left out; `TYPES` not compared.
test('each event that no projection handles is counted once, by name for fifty types', () => {
  const counter = new UnhandledCounter([createLedger().projection]);
  counter.add([event(1n, 'Noted'), event(2n, 'Notd'), event(3n, 'Notd')]);
  counter.add([event(3n, 'Notd'), event(4n, 'Typo')]);
  expect(counter.metrics()).toEqual([
    { name: 'Notd', events: 2, position: '3' },
    { name: 'Typo', events: 1, position: '4' },
  ]);
  counter.add(Array.from({ length: 200 }, (_, index) => event(BigInt(index + 5), `type ${index}`)));
  expect(counter.metrics()).toHaveLength(51);
  expect(counter.metrics()[0]).toEqual({ name: 'other', events: 152, position: '204' });
});
