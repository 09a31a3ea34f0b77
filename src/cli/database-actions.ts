import { loadConfigFile } from '../config/load-projections.ts';
import { readConfig } from '../config/read-config.ts';
import { appendNew } from '../event-store/append.ts';
import { checkDatabase, checkStore } from '../event-store/checks.ts';
import { refuseForeignStore } from '../event-store/foreign-store.ts';
import { createHeadReader } from '../event-store/high-water-mark.ts';
import { migrate } from '../event-store/migrate.ts';
import { checkEventsThere, lastVisible, readEventTexts } from '../event-store/raw-events.ts';
import { stateFolder } from './client-actions.ts';
import { withDatabase } from './database.ts';
import { exportTo, exportToFile } from './export-events.ts';
import { importFile } from './import-file.ts';
import type { Actions } from './program.ts';

/** The commands that speak to the database, with or without a daemon. */
export const databaseActions: Pick<Actions, 'importFile' | 'exportEvents' | 'migrate'> = {
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
  async exportEvents({ from, out, flags }, context) {
    const config = readConfig({ flags, env: context.env });
    const { cwd, signal, terminal } = context;
    // One connection: the head reader's statements must run in the order they are sent.
    const options = { config, folder: stateFolder(cwd), signal, command: 'export', max: 1 };
    await withDatabase(options, async (sql, address) => {
      await checkDatabase(sql, address);
      await checkEventsThere(sql, config.schema);
      await refuseForeignStore(sql, config.schema);
      await checkStore(sql, { notify: false });
      const { position: head } = await createHeadReader(sql).read();
      const whole = (await lastVisible(sql)) <= head;
      const pages = readEventTexts(sql, { after: from - 1n, head });
      const count = await (out === undefined
        ? exportTo(process.stdout, pages, signal)
        : exportToFile(out, pages, context));
      if (out !== undefined) terminal.stdout.write(`${count} events exported\n`);
      if (!whole && count !== null) terminal.stderr.write(`projectionist: ${leftOut(head)}\n`);
    });
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
          onRepair: (text) => void context.terminal.stdout.write(`repaired: ${text}\n`),
        });
        context.terminal.stdout.write(ran === 0 ? 'the database is up to date\n' : `${ran} migrations applied\n`);
      },
    );
    return 0;
  },
};

function leftOut(head: bigint): string {
  return `events above position ${head} are left out, a transaction that may hold earlier ones is open: export again later`;
}
