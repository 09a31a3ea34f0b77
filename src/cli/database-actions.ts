import { loadConfigFile } from '../config/load-projections.ts';
import { readConfig } from '../config/read-config.ts';
import { appendNew } from '../store/append.ts';
import { checkDatabase } from '../store/checks.ts';
import { migrate } from '../store/migrate.ts';
import { stateFolder } from './client-actions.ts';
import { withDatabase } from './database.ts';
import { importFile } from './import-file.ts';
import type { Actions } from './program.ts';

/** The commands that speak to the database, with or without a daemon. */
export const databaseActions: Pick<Actions, 'importFile' | 'migrate'> = {
  async importFile({ file, flags }, context) {
    const config = readConfig({ flags, env: context.env });
    await withDatabase(
      { config, folder: stateFolder(context.cwd), signal: context.signal, command: 'import' },
      async (sql, address) => {
        await checkDatabase(sql, address);
        await migrate(sql, { schema: config.schema, notify: config.listenNotify, projections: [] });
        await importFile(file, { appendBatch: (events) => appendNew(sql, events) }, context);
      },
    );
    return 0;
  },
  async migrate({ config: path, flags }, context) {
    const file = await loadConfigFile({ path, cwd: context.cwd });
    const config = readConfig({ flags, env: context.env, file: file.settings });
    await withDatabase(
      { config, folder: stateFolder(context.cwd), signal: context.signal, command: 'migrate' },
      async (sql, address) => {
        await checkDatabase(sql, address);
        const ran = await migrate(sql, {
          schema: config.schema,
          notify: config.listenNotify,
          projections: file.projections,
        });
        context.terminal.stdout.write(ran === 0 ? 'the database is up to date\n' : `${ran} migrations applied\n`);
      },
    );
    return 0;
  },
};
