import { quoteIdentifier } from '../core/identifier.ts';
import type { ColumnValue, Create, Remove, Row, Update, Upsert, Where } from '../core/statement.ts';
import { isNot } from '../core/statements.ts';

/** A statement that writes: what is left when look-ups are resolved and compounds are taken apart. */
export type Write = Create | Upsert | Update | Remove;

export interface SqlText {
  readonly text: string;
  readonly values: readonly ColumnValue[];
}

/** One write as SQL. The text depends on its shape alone, so a page prepares a handful of statements. */
export function toSql(write: Write): SqlText {
  switch (write.kind) {
    case 'create':
      return insert(write.table, write.values, write.onConflict === 'keep' ? ' ON CONFLICT DO NOTHING' : '');
    case 'upsert':
      return insert(
        write.table,
        write.values,
        ` ON CONFLICT (${list(write.conflict)}) DO UPDATE SET ${overwrite(write)}`,
      );
    case 'update': {
      const columns = Object.keys(write.set);
      const assignments = columns.map((column, index) => `${quoteIdentifier(column)} = $${index + 1}`).join(', ');
      const { text, values } = condition(write.where, columns.length);
      return {
        text: `UPDATE ${quoteIdentifier(write.table)} SET ${assignments} WHERE ${text}`,
        values: [...Object.values(write.set), ...values],
      };
    }
    case 'remove': {
      const { text, values } = condition(write.where, 0);
      return { text: `DELETE FROM ${quoteIdentifier(write.table)} WHERE ${text}`, values };
    }
  }
}

function insert(table: string, row: Row, onConflict: string): SqlText {
  const columns = Object.keys(row);
  const places = columns.map((_, index) => `$${index + 1}`).join(', ');
  return {
    text: `INSERT INTO ${quoteIdentifier(table)} (${list(columns)}) VALUES (${places})${onConflict}`,
    values: Object.values(row),
  };
}

function overwrite({ values, conflict }: Upsert): string {
  return Object.keys(values)
    .filter((column) => !conflict.includes(column))
    .map((column) => `${quoteIdentifier(column)} = EXCLUDED.${quoteIdentifier(column)}`)
    .join(', ');
}

function condition(where: Where, offset: number): SqlText {
  const values: ColumnValue[] = [];
  const parts = Object.entries(where).map(([column, wanted]) => {
    const name = quoteIdentifier(column);
    if (wanted === null) return `${name} IS NULL`;
    values.push(isNot(wanted) ? wanted.not : wanted);
    const place = `$${offset + values.length}`;
    return isNot(wanted) ? `${name} IS DISTINCT FROM ${place}` : `${name} = ${place}`;
  });
  return { text: parts.join(' AND '), values };
}

function list(columns: readonly string[]): string {
  return columns.map(quoteIdentifier).join(', ');
}
