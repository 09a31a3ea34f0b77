import { isChange, isNot } from './changes.ts';
import { EngineError } from './errors.ts';
import type { Changes, Where } from './statement.ts';

/** @throws EngineError STATEMENT_NO_TABLE */
export function needTable(kind: string, table: string): void {
  if (typeof table !== 'string' || table === '') throw new EngineError('STATEMENT_NO_TABLE', { kind });
}

/** @throws EngineError STATEMENT_NO_VALUES */
export function needSome(kind: string, table: string, columns: readonly string[], reason: string): void {
  if (columns.length === 0) throw new EngineError('STATEMENT_NO_VALUES', { kind, table, reason });
}

/** Without a condition an update or delete would match every row. @throws EngineError STATEMENT_NO_CONDITION */
export function needCondition(kind: string, table: string, columns: readonly string[]): void {
  if (columns.length === 0) throw new EngineError('STATEMENT_NO_CONDITION', { kind, table });
}

/**
 * A field that the payload lacks arrives here as undefined. As NULL it would empty a column, or match no row, without an
 * error.
 * @param fixed columns that take a value only, since there is no stored value that a change could be applied to
 * @throws EngineError STATEMENT_VALUE_INVALID
 */
export function checkValues(kind: string, table: string, values: Changes, fixed: 'all' | readonly string[]): void {
  for (const column in values) {
    const value = values[column];
    if (value === undefined) throw invalid(kind, table, column, 'it is undefined; write null where there is no value');
    if (isNot(value)) throw invalid(kind, table, column, 'not(…) is a condition, no value');
    if (isChange(value) && (fixed === 'all' || fixed.includes(column)))
      throw invalid(kind, table, column, `there is nothing here that ${value.change}(…) could change`);
  }
}

/** @throws EngineError STATEMENT_NO_CONDITION, STATEMENT_VALUE_INVALID */
export function checkWhere(kind: string, table: string, where: Where): void {
  needCondition(kind, table, Object.keys(where));
  for (const column in where) {
    const wanted = where[column];
    if (wanted === undefined) throw invalid(kind, table, column, 'its condition is undefined; null matches NULL');
    if (isChange(wanted)) throw invalid(kind, table, column, `${wanted.change}(…) is no condition`);
  }
}

function invalid(kind: string, table: string, column: string, reason: string): EngineError {
  return new EngineError('STATEMENT_VALUE_INVALID', { kind, table, column, reason });
}
