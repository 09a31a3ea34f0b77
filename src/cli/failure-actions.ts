import { loadConfigFile } from '../config/load-projections.ts';
import { readConfig } from '../config/read-config.ts';
import { EngineError } from '../core/errors.ts';
import type { FailureRecord, TryReport } from '../core/failure.ts';
import { checkDatabase } from '../event-store/checks.ts';
import { checkEventsThere } from '../event-store/raw-events.ts';
import { clientFor, stateFolder } from './client-actions.ts';
import { painter } from './colours.ts';
import { withDatabase } from './database.ts';
import { writeWhole } from './export-events.ts';
import { describeFailure, failuresTable } from './failure-report.ts';
import type { Actions, CommandContext } from './program.ts';
import { describeTry } from './try-report.ts';

/** The commands about events that could not be applied. */
export const failureActions: Pick<Actions, 'failures' | 'showFailure' | 'exportCapsule' | 'tryFailed'> = {
  async failures({ name, json }, context) {
    const { signal, terminal } = context;
    const client = await clientFor(context);
    const names = name === undefined ? (await client.statuses(signal)).map((status) => status.name) : [name];
    const failures: FailureRecord[] = [];
    for (const each of new Set(names)) failures.push(...(await client.failures(each, signal)));
    terminal.stdout.write(json ? toJson({ failures }) : failuresTable(failures));
    return 0;
  },
  async showFailure({ name, json }, context) {
    const failures = await (await clientFor(context)).failures(name, context.signal);
    const standing = failures.findLast(({ skipped }) => skipped === null);
    if (standing === undefined) throw new EngineError('NOTHING_FAILED', { name, reason: 'it stands before none' });
    context.terminal.stdout.write(json ? toJson(standing) : describeFailure(standing));
    return 0;
  },
  async exportCapsule({ name, out }, context) {
    const text = toJson(await (await clientFor(context)).capsule(name, context.signal));
    if (out === undefined) context.terminal.stdout.write(text);
    else {
      await writeWhole(out, text, context);
      context.terminal.stdout.write(`the capsule of '${name}' is in ${out}\n`);
    }
    return 0;
  },
  async tryFailed({ name, config, json, flags }, context) {
    const report =
      config === undefined
        ? await (await clientFor(context)).tryFailed(name, context.signal)
        : await tryWithFile(name, config, flags, context);
    const { stdout } = context.terminal;
    stdout.write(json ? toJson(report) : describeTry(report, painter(stdout, context.env)));
    return report.outcome === 'applied' ? 0 : 1;
  },
};

/** The code of a file, before anybody deploys it, on the database that the daemon of this folder uses. */
async function tryWithFile(
  name: string,
  path: string,
  flags: Readonly<Record<string, unknown>>,
  { cwd, env, signal }: CommandContext,
): Promise<TryReport> {
  const file = await loadConfigFile({ path, cwd, signal });
  const config = readConfig({ flags, env, file: file.settings });
  const { schema, extensionSchemas } = config;
  // Imported when needed: the other commands start faster.
  const { tryFailed } = await import('../operations/dry-run/dry-run.ts');
  return await withDatabase({ config, folder: stateFolder(cwd), signal, command: 'try' }, async (sql, database) => {
    await checkDatabase(sql, database);
    await checkEventsThere(sql, schema);
    return await tryFailed({ database, schema, extensionSchemas, projections: file.projections }, name, signal);
  });
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
