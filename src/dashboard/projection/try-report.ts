import type { RowText, TryReport } from '../../core/failure.ts';
import { count } from '../../core/readable.ts';
import { make } from '../element.ts';

const OUTCOMES: Readonly<Record<TryReport['outcome'], string>> = {
  applied: 'The event would be applied now: RETRY goes on from here.',
  failed: 'The event fails with the present code too.',
  waiting: 'The projection would wait at this event now.',
};

/** Shows the result of a dry run. */
export function showTry(report: TryReport): HTMLElement {
  const { outcome, error, sqlstate, statements, moreStatements, changes, moreChanges, payload } = report;
  const shown = make('div', { class: 'try' }, make('h3', {}, OUTCOMES[outcome]));
  if (error !== null) shown.append(make('p', { class: 'error' }, sqlstate === null ? error : `${error} (${sqlstate})`));
  if (statements.length > 0) {
    const texts = statements.map(({ text, values }) => withValues(text, values));
    if (moreStatements > 0) texts.push(`and ${count(moreStatements, 'more statement')}`);
    const all = count(statements.length + moreStatements, 'statement');
    shown.append(make('h4', {}, all), block('Statements', texts.join('\n\n')));
  }
  if (changes.length > 0) shown.append(make('h4', {}, count(changes.length + moreChanges, 'row')), changed(report));
  shown.append(make('h4', {}, 'Payload'), block('Payload', pretty(payload)));
  return shown;
}

/** The payload in a failure snapshot. */
export function payloadOf(capsule: unknown): HTMLElement {
  const event = fieldOf(capsule, 'event') ?? capsule;
  const payload = fieldOf(event, 'payload') ?? event;
  const text = typeof payload === 'string' ? pretty(payload) : JSON.stringify(payload, null, 2);
  return make('div', { class: 'try' }, make('h3', {}, 'Payload'), block('Payload', text));
}

function changed({ changes, moreChanges }: TryReport): HTMLElement {
  const lines = changes.flatMap(({ table, before, after }, at) => [
    at === 0 ? '' : '\n',
    table,
    make('span', { class: 'kept' }, `${keptText(before, after)}\n`),
    ...(before === null ? [] : [make('del', {}, `- ${rowText(before, after)}\n`)]),
    ...(after === null ? [] : [make('ins', {}, `+ ${rowText(after, before)}\n`)]),
  ]);
  const more = moreChanges > 0 ? [`\nand ${count(moreChanges, 'more row')}`] : [];
  return make('pre', { tabindex: '0', 'aria-label': 'Rows' }, ...lines, ...more);
}

/** All columns of a new or a removed row; of a changed row, the columns that differ. */
function rowText(row: RowText, other: RowText | null): string {
  return listed(Object.entries(row).filter(([name, value]) => other === null || other[name] !== value));
}

/** The equal columns of a changed row, which identify it. */
function keptText(before: RowText | null, after: RowText | null): string {
  if (before === null || after === null) return '';
  return ` ${listed(Object.entries(after).filter(([name, value]) => before[name] === value))}`.trimEnd();
}

function listed(columns: readonly (readonly [string, string | null])[]): string {
  return columns.map(([name, value]) => `${name} = ${value ?? 'null'}`).join(', ');
}

function withValues(text: string, values: readonly (string | null)[]): string {
  const list = values.map((value, at) => `$${at + 1} = ${value ?? 'null'}`);
  return list.length === 0 ? text : `${text}\n  ${list.join(', ')}`;
}

function block(label: string, text: string): HTMLElement {
  return make('pre', { tabindex: '0', 'aria-label': label }, text);
}

/** Indented if the text is JSON whose numbers survive JSON.parse; unchanged otherwise. */
function pretty(text: string): string {
  try {
    const spread = JSON.stringify(JSON.parse(text), null, 2);
    return /\d{16}/.test(text) ? text : spread;
  } catch {
    return text;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
