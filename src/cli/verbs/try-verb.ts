import { loadConfigFile } from '../../config/load-projections.ts';
import { readConfig } from '../../config/read-config.ts';
import type { RowChange, RowText, TriedStatement, TryReport } from '../../core/failure.ts';
import { checkDatabase } from '../../event-store/checks.ts';
import { checkEventsThere } from '../../event-store/raw-events.ts';
import { type Paint, painter } from '../colours.ts';
import { withDatabase } from '../database.ts';
import { clientFor, stateFolder } from '../find-client.ts';
import { oneLine } from '../terminal.ts';
import { type CommandContext, defineVerb, examples, prettyJson } from './verb.ts';
import { addSchemaSettings } from './verb-options.ts';

interface TryVerbOptions {
  readonly name: string;
  /** Config file whose projections this command runs on the database; undefined: the daemon runs its own. */
  readonly config: string | undefined;
  readonly json: boolean;
  /** For `readConfig`. */
  readonly flags: Readonly<Record<string, unknown>>;
}

export const tryVerb = defineVerb<TryVerbOptions>({
  name: 'try',
  define: (command, run) => {
    command
      .description('run the next event of a projection, show its statements and row changes, and roll them back')
      .argument('<name>')
      .option('--config <file>', "try the projections of this file on the database itself, not the daemon's code")
      .option('--json', 'print the report as JSON', false)
      .addHelpText('after', examples('try band', 'try band --config dist/projectionist.config.js'));
    addSchemaSettings(command);
    command.action(async (name: string, given: { config?: string; json: boolean }) => {
      const { config, json, ...flags } = given;
      await run({ name, config, json, flags });
    });
  },
  run: async ({ name, config, json, flags }, context) => {
    const report =
      config === undefined
        ? await (await clientFor(context)).tryFailed(name, context.signal)
        : await dryRunOfFile(name, config, flags, context);
    const { stdout } = context.terminal;
    stdout.write(json ? prettyJson(report) : describeDryRun(report, painter(stdout, context.env)));
    return report.outcome === 'applied' ? 0 : 1;
  },
});

/** Runs the code of a file, before it is deployed, on the database that the daemon of this folder uses. */
async function dryRunOfFile(
  name: string,
  path: string,
  flags: TryVerbOptions['flags'],
  { cwd, env, signal }: CommandContext,
): Promise<TryReport> {
  const file = await loadConfigFile({ path, cwd, signal });
  const config = readConfig({ flags, env, file: file.settings });
  const { schema, extensionSchemas } = config;
  // Imported here, so that the other verbs start faster.
  const { tryFailed } = await import('../../operations/dry-run/dry-run.ts');
  return await withDatabase({ config, folder: stateFolder(cwd), signal, command: 'try' }, async (sql, database) => {
    await checkDatabase(sql, database);
    await checkEventsThere(sql, schema);
    return await tryFailed({ database, schema, extensionSchemas, projections: file.projections }, name, signal);
  });
}

const PAYLOAD_SHOWN = 2000;
const VALUE_SHOWN = 200;

/** The report as text: the event, the statements with their values, the row changes as a diff, and the outcome. */
function describeDryRun(report: TryReport, paint: Paint): string {
  const { name, position, eventId, eventName, payload } = report;
  const sections = [
    [
      `${oneLine(eventName)} at position ${position} of '${name}', event ${eventId}`,
      `  ${cut(payload, PAYLOAD_SHOWN)}`,
    ],
    report.statements.length === 0 ? ['no statements'] : ['statements', ...report.statements.flatMap(statementLines)],
    ...(report.moreStatements > 0 ? [[`  and ${report.moreStatements} more`]] : []),
    ...(report.outcome === 'applied' ? [changeLines(report, paint)] : []),
    [outcomeLine(report, paint)],
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
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

/** The unchanged columns are on the first line, so that the lines of the diff show changed columns alone. */
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

/** Quoted where a reader would not see its end, or would read it as NULL. */
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
