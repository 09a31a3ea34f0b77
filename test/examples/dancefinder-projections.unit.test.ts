import { describe, expect, test } from 'vitest';
import { AGGREGATE_OF } from '../../examples/dancefinder/aggregates.ts';
import { foldHistory } from '../../examples/dancefinder/fold.ts';
import { projections } from '../../examples/dancefinder/projections.ts';

describe('the four projections', () => {
  test('are named as in the document and handle each of the 18 event types once', () => {
    expect(projections.map((it) => it.name)).toEqual(['band', 'dancehall', 'event', 'userpreferences']);
    const handled = projections.flatMap((it) => [...it.handlers.keys()]);
    expect(handled.toSorted()).toEqual(Object.keys(AGGREGATE_OF).toSorted());
  });

  test('write nine tables, none of them twice', () => {
    const tables = projections.flatMap((it) => [...it.tables.keys()]);
    expect(tables.toSorted()).toEqual(Object.keys(foldHistory([])).toSorted());
  });

  test.each(projections.flatMap((it) => [...it.tables].map(([table, shape]) => ({ table, shape, schema: it.schema }))))(
    'create $table repeatably, with a uuid key, its unique columns, and no foreign key',
    ({ table, shape, schema }) => {
      expect(shape.key).toEqual(['id']);
      expect(columnsIn(schema, table)).toEqual(
        expect.arrayContaining(['id', 'created', ...(shape.unique ?? []).flat()]),
      );
      expect(schema).toMatch(new RegExp(`CREATE TABLE IF NOT EXISTS ${table} \\(\\s+id uuid PRIMARY KEY`));
      expect(schema).not.toMatch(/REFERENCES|CREATE (TABLE|INDEX) (?!IF NOT EXISTS)/);
    },
  );
});

/** The column names in a table's CREATE TABLE. */
function columnsIn(schema: string, table: string): readonly string[] {
  const body = new RegExp(`CREATE TABLE IF NOT EXISTS ${table} \\(([^;]*)\\);`).exec(schema)?.[1] ?? '';
  return [...body.matchAll(/^\s*([a-z_]+) /gm)].map((match) => match[1] ?? '');
}
