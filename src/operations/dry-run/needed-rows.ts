import { isChange, isNot } from '../../core/changes.ts';
import type { TableShape } from '../../core/projection.ts';
import type { ColumnValue, Where } from '../../core/statement.ts';
import type { FlatStatement } from '../../projector/flatten.ts';

/**
 * Which rows a statement would find: those it names, and those that its values could clash with by a key. Pure, so what
 * a statement with a condition of its own finds is found by the same condition.
 */
export function neededRows(statement: FlatStatement, shape: TableShape): readonly Where[] {
  switch (statement.kind) {
    case 'create':
      return byKeys(shape, statement.values);
    case 'upsert':
      return byKeys({ ...shape, unique: [...(shape.unique ?? []), statement.conflict] }, statement.values);
    case 'update':
      return [statement.where, ...byKeys(shape, { ...statement.where, ...statement.set })];
    case 'copy':
      return [statement.where, ...byKeys(shape, { ...statement.where, ...statement.set })];
    case 'remove':
    case 'lookup':
      return [statement.where];
  }
}

function byKeys({ key, unique = [] }: TableShape, values: Readonly<Record<string, unknown>>): readonly Where[] {
  return [key, ...unique].flatMap((columns) => {
    const given = columns.map((column) => values[column]);
    if (given.some((value) => value === undefined || value === null || isChange(value) || isNot(value))) return [];
    return [Object.fromEntries(columns.map((column, index) => [column, given[index] as ColumnValue]))];
  });
}
