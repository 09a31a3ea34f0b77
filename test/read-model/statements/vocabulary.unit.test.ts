import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Write } from '../../../src/core/statement.ts';
import type { ExampleParts } from '../../../src/read-model/statements/statement-definition.ts';
import {
  isWriteKind,
  WRITE_DEFINITIONS,
  writeDefinition,
} from '../../../src/read-model/statements/statement-registry.ts';
import { toSql, toSqlOrFail } from '../../../src/read-model/write-sql.ts';
import { forms } from '../../support/any-statement.ts';
import { needed, withVocabulary } from './vocabulary.ts';

const PAGE = fileURLToPath(new URL('../../../docs/projections.md', import.meta.url));

// Seen red with: the sentence of `update` changed.
test('docs/projections.md has the statements as they are; if not, run `npm run vocabulary`', async () => {
  await expect(withVocabulary(await readFile(PAGE, 'utf8'), WRITE_DEFINITIONS)).toMatchFileSnapshot(PAGE);
});

test('a page without a place for the table is an error', () => {
  expect(() => withVocabulary('', WRITE_DEFINITIONS)).toThrow('has no place for the table');
});

test('each kind is found by its name, and its examples are of it', () => {
  for (const definition of WRITE_DEFINITIONS) {
    expect(isWriteKind(definition.kind)).toBe(true);
    expect(definition.forms.length).toBeGreaterThan(0);
  }
  for (const { definition, form } of forms) {
    expect(writeDefinition(form.example(parts('a', 'x'))), form.call).toBe(definition);
    expect(form.call.startsWith(`${definition.kind}(`), form.call).toBe(true);
  }
  for (const kind of ['multi', 'none', 'lookup', 'toString', undefined, 7]) expect(isWriteKind(kind)).toBe(false);
});

const parts = (name: string, note: string | null): ExampleParts => ({
  table: 'thing',
  row: { id: 1, name, note },
  key: { id: 1, name },
  conflict: ['id'],
  set: { note },
  where: { id: 1, name },
});

// Seen red with: a value of a condition written into the text.
test.each(forms)(
  '$form.call has a text that depends on its shape alone, with every value as a parameter',
  ({ form }) => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.boolean(), (name, note, lossy) => {
        const [one, other] = [form.example(parts('a', 'b')), form.example(parts(name, note))];
        expect(toSql(other, lossy).text).toBe(toSql(one, lossy).text);
        expect(toSqlOrFail(other, lossy).text).toBe(toSqlOrFail(one, lossy).text);
        const { text, values } = toSql(other, lossy);
        expect([...new Set(text.match(/\$\d+/g))]).toEqual(values.map((_, index) => `$${index + 1}`));
      }),
      { seed: 63 },
    );
  },
);

// Seen red with: needTable taken out of `remove`; checkValues out of `upsert`; checkWhere out of `update`.
test.each(forms)('$form.call refuses to be built without a table, and with a value that is undefined', ({ form }) => {
  expect(needed(form.example)).toContain('table');
  const whole = parts('a', 'b');
  const invalid = expect.objectContaining({ code: 'STATEMENT_VALUE_INVALID' });
  for (const one of ['row', 'key', 'set', 'where'] as const) {
    const lacking = { ...whole, [one]: { ...whole[one], [Object.keys(whole[one])[0] ?? '']: undefined } };
    try {
      // The form does not use the values of this part.
      expect(form.example(lacking), one).toEqual(form.example(whole));
    } catch (error) {
      expect(error, one).toEqual(invalid);
    }
  }
});

// Seen red with: checkWhere taken out of `update`.
test.each(forms)(
  '$form.call that takes a condition refuses an empty one, so that it never writes a whole table',
  ({ form }) => {
    const write: Write = form.example(parts('a', 'b'));
    const { matching } = writeDefinition(write).touched(write);
    if (matching !== undefined) expect(needed(form.example)).toContain('condition');
  },
);

// Seen red with: the condition left out of `encoded` of `update`.
test.each(forms)(
  '$form.call sends each value of a JSON column as JSON text, and no other value',
  ({ definition, form }) => {
    const write = form.example(parts('a', 'b'));
    const encoded = definition.encoded(write, {
      row: (row) => Object.fromEntries(Object.entries(row).map(([column]) => [column, `row ${column}`])),
      where: (where) => Object.fromEntries(Object.entries(where).map(([column]) => [column, `where ${column}`])),
    });
    const { text, values } = toSql(encoded);
    expect(text).toBe(toSql(write).text);
    expect(values.map(String).filter((value) => !/^(row|where) (id|name|note)$/.test(value))).toEqual([]);
  },
);
