import { isChange, isNot } from '../../core/changes.ts';
import { quoteIdentifier } from '../../core/identifier.ts';
import type { Changes, Where } from '../../core/statement.ts';
import { changeDefinition } from '../column-changes/change-registry.ts';
import type { Bind } from './statement-definition.ts';

/** `"id", "name"` */
export function columnList(columns: readonly string[]): string {
  return columns.map(quoteIdentifier).join(', ');
}

/** The conditions, joined with AND. */
export function conditionText(where: Where, bind: Bind): string {
  const parts = Object.entries(where).map(([column, wanted]) => {
    const name = quoteIdentifier(column);
    if (wanted === null) return `${name} IS NULL`;
    return isNot(wanted) ? `${name} IS DISTINCT FROM ${bind(wanted.not)}` : `${name} = ${bind(wanted)}`;
  });
  return parts.join(' AND ');
}

/** What follows SET: each column with its value, or with its changed value. */
export function assignmentList(set: Changes, bind: Bind): string {
  const assignments = Object.entries(set).map(([column, value]) => {
    const name = quoteIdentifier(column);
    if (!isChange(value)) return `${name} = ${bind(value)}`;
    const definition = changeDefinition(value);
    return `${name} = ${definition.inRow(name, bind(definition.parameter(value)))}`;
  });
  return assignments.join(', ');
}

/** What follows SET after ON CONFLICT: the column gets the value of the row that was to be inserted. */
export function overwritten(column: string): string {
  return `${quoteIdentifier(column)} = EXCLUDED.${quoteIdentifier(column)}`;
}

/** The columns that the list does not exclude. */
export function without(columns: readonly string[], excluded: readonly string[]): readonly string[] {
  return columns.filter((column) => !excluded.includes(column));
}
