import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isChange, not } from '../../../src/core/changes.ts';
import type { Changes, Write } from '../../../src/core/statement.ts';
import { writeDefinition } from '../../../src/read-model/statements/statement-registry.ts';
import { MemoryTable } from '../../../src/testing/memory/memory-table.ts';
import { forms } from '../../support/any-statement.ts';

const KEYS = [['id'], ['name']];
const ROWS = [1, 2, 3].map((id) => ({ id, name: `name ${id}`, age: id }));

function filledTable(): MemoryTable {
  const table = new MemoryTable('person', { key: ['id'], unique: [['name']] }, []);
  for (const row of ROWS) table.insert(row, 'fail');
  return table;
}

/** The ids of the rows that `touched` names: those that match, and those that have a written key. */
function namedIds(write: Write): readonly unknown[] {
  const { matching, written = {}, conflict } = writeDefinition(write).touched(write);
  const table = filledTable();
  const keys = [...KEYS, ...(conflict === undefined ? [] : [conflict])];
  const found = keys.flatMap((key) => (isGiven(written, key) ? table.matching(pick(written, key)) : []));
  return [...(matching === undefined ? [] : table.matching(matching)), ...found].map(({ id }) => id);
}

function isGiven(values: Changes, key: readonly string[]): boolean {
  return key.every((column) => Object.hasOwn(values, column) && !isChange(values[column]));
}

function pick(values: Changes, key: readonly string[]): Record<string, never> {
  return Object.fromEntries(key.map((column) => [column, values[column]])) as Record<string, never>;
}

const index = fc.integer({ min: 1, max: 4 });
const parts = fc
  .record({ id: index, other: index, matched: index, byName: fc.boolean() })
  .map(({ id, other, matched, byName }) => ({
    table: 'person',
    row: { id, name: `name ${other}`, age: 9 },
    key: { id, name: `name ${other}` },
    conflict: byName ? ['name'] : ['id'],
    set: { age: 9 },
    where: byName ? { name: `name ${matched}` } : { age: not(matched) },
  }));

// Seen red with: `written` left out of `copy`; `matching` left out of `update`; `written` left out of `upsert`.
test.each(forms)('$form.call names every stored row that it changes or deletes, for a failure snapshot', ({ form }) => {
  fc.assert(
    fc.property(parts, (given) => {
      const write = form.example(given);
      const table = filledTable();
      try {
        writeDefinition(write).inMemory(write, table);
      } catch {
        // A failed statement changes no row.
        return;
      }
      const left = table.rows().map((row) => JSON.stringify(row));
      const affected = ROWS.filter((row) => !left.includes(JSON.stringify(row))).map(({ id }) => id);
      expect(affected.filter((id) => !namedIds(write).includes(id))).toEqual([]);
    }),
    { seed: 64 },
  );
});
