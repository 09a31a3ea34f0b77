import { readConfig } from '../../config/read-config.ts';
import { appendNew } from '../../event-store/append.ts';
import { checkDatabase } from '../../event-store/checks.ts';
import { migrate } from '../../event-store/migrate.ts';
import { withDatabase } from '../database.ts';
import { stateFolder } from '../find-client.ts';
import { importFile } from '../import-file.ts';
import { defineVerb, examples } from './verb.ts';
import { addPlaceSettings } from './verb-options.ts';

interface ImportVerbOptions {
  /** A path, or `-` for stdin. */
  readonly file: string;
  /** For `readConfig`. */
  readonly flags: Readonly<Record<string, unknown>>;
}

export const importVerb = defineVerb<ImportVerbOptions>({
  name: 'import',
  define: (command, run) => {
    command
      .description('append events from a file, one JSON object a line')
      .argument('<file>', 'a path, or - for stdin')
      .addHelpText('after', examples('import history.ndjson', 'import - < history.ndjson'));
    addPlaceSettings(command);
    command.action(async (file: string, flags: Record<string, unknown>) => await run({ file, flags }));
  },
  run: async ({ file, flags }, context) => {
    const config = readConfig({ flags, env: context.env });
    const options = { config, folder: stateFolder(context.cwd), signal: context.signal, command: 'import' };
    await withDatabase(options, async (sql, address) => {
      await checkDatabase(sql, address);
      await migrate(sql, { schema: config.schema, notify: config.listenNotify, projections: [] });
      await importFile(file, { appendBatch: (events) => appendNew(sql, events) }, context);
    });
    return 0;
  },
});
