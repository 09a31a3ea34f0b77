import type { RowChange, RowText, TriedStatement, TryReport } from '../core/failure.ts';
import type { Paint } from './colours.ts';
import { oneLine } from './terminal.ts';

const PAYLOAD_SHOWN = 2000;
const VALUE_SHOWN = 200;

/** A try for people: the event, the statements with their values, the rows as a diff, and what it comes to. */
export function describeTry(report: TryReport, paint: Paint): string {
  const { name, position, eventId, eventName, payload } = report;
  const parts = [
    [
      `${oneLine(eventName)} at position ${position} of '${name}', event ${eventId}`,
      `  ${cut(payload, PAYLOAD_SHOWN)}`,
    ],
    report.statements.length === 0 ? ['no statements'] : ['statements', ...report.statements.flatMap(statementLines)],
    ...(report.moreStatements > 0 ? [[`  and ${report.moreStatements} more`]] : []),
    ...(report.outcome === 'applied' ? [changeLines(report, paint)] : []),
    [outcomeLine(report, paint)],
  ];
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function statementLines({ text, values }: TriedStatement): readonly string[] {
  const given = values.map((value, index) => `$${index + 1} = ${value === null ? 'NULL' : cut(value, VALUE_SHOWN)}`);
  return [`  ${cut(text, PAYLOAD_SHOWN)}`, ...(given.length === 0 ? [] : [`    ${given.join(', ')}`])];
}

function changeLines({ changes, moreChanges }: TryReport, paint: Paint): readonly string[] {
  if (changes.length === 0) return ['no row changes'];
  const more = moreChanges > 0 ? [`  and ${moreChanges} more rows`] : [];
  return ['changes', ...changes.flatMap((change) => rowLines(change, paint)), ...more];
}

/** The columns that stay are on the first line, so that what changes stands alone. */
function rowLines({ table, before, after }: RowChange, paint: Paint): readonly string[] {
  if (before === null || after === null) {
    const line =
      before === null ? paint('green', `    + ${columns(after ?? {})}`) : paint('red', `    - ${columns(before)}`);
    return [`  ${table}`, line];
  }
  const changed = Object.keys({ ...before, ...after }).filter((column) => before[column] !== after[column]);
  const kept = Object.fromEntries(Object.entries(after).filter(([column]) => !changed.includes(column)));
  const only = (row: RowText) => columns(Object.fromEntries(changed.map((column) => [column, row[column] ?? null])));
  return [
    `  ${table} ${paint('dim', columns(kept))}`.trimEnd(),
    paint('red', `    - ${only(before)}`),
    paint('green', `    + ${only(after)}`),
  ];
}

function columns(row: RowText): string {
  return Object.entries(row)
    .map(([column, value]) => `${column}=${value === null ? 'NULL' : shown(value)}`)
    .join(' ');
}

/** Quoted where its end would not be seen, or where it could be taken for NULL. */
function shown(value: string): string {
  const text = cut(value, VALUE_SHOWN);
  return text === '' || text === 'NULL' || /[\s']/.test(text) ? `'${text.replaceAll("'", "''")}'` : text;
}

function outcomeLine({ outcome, error, code, sqlstate }: TryReport, paint: Paint): string {
  if (outcome === 'applied') return paint('green', 'it would be applied; rolled back, nothing of it was kept');
  const name = code ?? sqlstate;
  const why = `${oneLine(error ?? '')}${name === null ? '' : ` (${name})`}`;
  return paint('red', outcome === 'failed' ? `it fails: ${why}` : `it waits: ${why}`);
}

function cut(text: string, length: number): string {
  return oneLine(text.length <= length ? text : `${text.slice(0, length)}… (${text.length} characters)`);
}
