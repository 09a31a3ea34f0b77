import { type Change, type ColumnValue, type Not, OPERATOR } from './statement.ts';

/** A condition of a `where`: matches every value but this one, NULL included. */
export function not(value: ColumnValue): Not {
  return { [OPERATOR]: true, not: value };
}

export function isNot(value: unknown): value is Not {
  return isOperator(value) && 'not' in value;
}

export function isChange(value: unknown): value is Change {
  return isOperator(value) && 'change' in value;
}

function isOperator(value: unknown): value is Not | Change {
  return typeof value === 'object' && value !== null && OPERATOR in value;
}
