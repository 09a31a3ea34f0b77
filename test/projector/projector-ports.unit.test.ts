import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const projector = readdirSync(new URL('../../src/projector/', import.meta.url), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => `src/projector/${file}`);

/** Rooms and files whose code the projector uses only through `ports.ts`. */
const BEHIND_PORTS = /event-store\/|state\/(?:projection-state|checkpoint-store)\.ts/;

// Seen red with: `import { readPage } from '../event-store/read.ts'` in page-reader.ts; with `import { advance }` of
// projection-state.ts in page-transaction.ts.
test('the projector imports only types of the event store and of the checkpoints: their code comes through its ports', () => {
  expect(projector.length).toBeGreaterThan(30);
  const found = projector.flatMap((file) =>
    [...read(file).matchAll(/^import (?!type\b)[^;]*?from '([^']+)';/gm)]
      .filter(([text, from = '']) => BEHIND_PORTS.test(from) && !/^import \{(?:\s*type [^,}]+,?)+\s*\}/.test(text))
      .map(([text]) => `${file}: ${text}`),
  );
  expect(found).toEqual([]);
});

// Seen red with: `(SELECT id FROM events WHERE position = ${to})` in projection-state.ts; an `UPDATE projection_state` in
// page-transaction.ts.
test('a statement that moves a cursor has its SQL on events from the event store, and the projector has none of either', () => {
  const [events, moves] = [/\b(?:FROM|JOIN)\s+events\b/, /\bUPDATE\s+projection_state\b/];
  const state = ['projection-state', 'checkpoint-store'].map((name) => `src/state/${name}.ts`);
  expect([...projector, ...state].filter((file) => events.test(read(file)))).toEqual([]);
  expect(projector.filter((file) => moves.test(read(file)))).toEqual([]);
});
