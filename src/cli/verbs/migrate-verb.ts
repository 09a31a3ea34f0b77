import { loadConfigFile } from '../../config/load-projections.ts';
import { readConfig } from '../../config/read-config.ts';
import { checkDatabase } from '../../event-store/checks.ts';
import { migrate } from '../../event-store/migrate.ts';
import { withDatabase } from '../database.ts';
import { stateFolder } from '../find-client.ts';
import { defineVerb, examples } from './verb.ts';
import { addSchemaSettings } from './verb-options.ts';

interface MigrateVerbOptions {
  /** Path as typed; undefined: the default names in `cwd`. */
  readonly config: string | undefined;
  /** For `readConfig`. */
  readonly flags: Readonly<Record<string, unknown>>;
}

export const migrateVerb = defineVerb<MigrateVerbOptions>({
  name: 'migrate',
  define: (command, run) => {
    command
      .description(
        'bring the tables of the engine and of the projections up to date; creates an event store where SCHEMA has none',
      )
      .option('--config <file>', 'file that exports the projections (default: projectionist.config.js in this folder)')
      .addHelpText('after', examples('migrate', 'migrate --schema app'));
    addSchemaSettings(command);
    command.action(async ({ config, ...flags }: { config?: string }) => await run({ config, flags }));
  },
  run: async ({ config: path, flags }, context) => {
    const file = await loadConfigFile({ path, cwd: context.cwd });
    const config = readConfig({ flags, env: context.env, file: file.settings });
    const options = { config, folder: stateFolder(context.cwd), signal: context.signal, command: 'migrate' };
    await withDatabase(options, async (sql, address) => {
      await checkDatabase(sql, address);
      const { stdout } = context.terminal;
      const ran = await migrate(sql, {
        schema: config.schema,
        notify: config.listenNotify,
        projections: file.projections,
        onRepair: (text) => void stdout.write(`repaired: ${text}\n`),
        onNewStore: (text) => void stdout.write(`${text}\n`),
      });
      stdout.write(ran === 0 ? 'the database is up to date\n' : `${ran} migrations applied\n`);
    });
    return 0;
  },
});
