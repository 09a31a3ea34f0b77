import { loadConfigFile } from '../../config/load-projections.ts';
import { readConfig } from '../../config/read-config.ts';
import type { TryReport } from '../../core/failure.ts';
import { checkDatabase } from '../../event-store/checks.ts';
import { checkEventsThere } from '../../event-store/raw-events.ts';
import { painter } from '../colours.ts';
import { withDatabase } from '../database.ts';
import { clientFor, stateFolder } from '../find-client.ts';
import { describeTry } from '../try-report.ts';
import { type CommandContext, defineVerb, examples, prettyJson } from './verb.ts';
import { addPlaceSettings } from './verb-options.ts';

interface TryVerbOptions {
  readonly name: string;
  /** A file whose projections are tried on the database itself; undefined: the daemon tries its own. */
  readonly config: string | undefined;
  readonly json: boolean;
  /** For `readConfig`. */
  readonly flags: Readonly<Record<string, unknown>>;
}

export const tryVerb = defineVerb<TryVerbOptions>({
  name: 'try',
  define: (command, run) => {
    command
      .description('run the event that a projection stands before, show what it does, and roll it back')
      .argument('<name>')
      .option('--config <file>', "try the projections of this file on the database itself, not the daemon's code")
      .option('--json', 'the report, for programs', false)
      .addHelpText('after', examples('try band', 'try band --config dist/projectionist.config.js'));
    addPlaceSettings(command);
    command.action(async (name: string, given: { config?: string; json: boolean }) => {
      const { config, json, ...flags } = given;
      await run({ name, config, json, flags });
    });
  },
  run: async ({ name, config, json, flags }, context) => {
    const report =
      config === undefined
        ? await (await clientFor(context)).tryFailed(name, context.signal)
        : await tryWithFile(name, config, flags, context);
    const { stdout } = context.terminal;
    stdout.write(json ? prettyJson(report) : describeTry(report, painter(stdout, context.env)));
    return report.outcome === 'applied' ? 0 : 1;
  },
});

/** The code of a file, before it is deployed, on the database that the daemon of this folder uses. */
async function tryWithFile(
  name: string,
  path: string,
  flags: TryVerbOptions['flags'],
  { cwd, env, signal }: CommandContext,
): Promise<TryReport> {
  const file = await loadConfigFile({ path, cwd, signal });
  const config = readConfig({ flags, env, file: file.settings });
  const { schema, extensionSchemas } = config;
  // Imported when needed: the other verbs start faster.
  const { tryFailed } = await import('../../operations/dry-run/dry-run.ts');
  return await withDatabase({ config, folder: stateFolder(cwd), signal, command: 'try' }, async (sql, database) => {
    await checkDatabase(sql, database);
    await checkEventsThere(sql, schema);
    return await tryFailed({ database, schema, extensionSchemas, projections: file.projections }, name, signal);
  });
}
