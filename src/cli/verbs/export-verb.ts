import { readConfig } from '../../config/read-config.ts';
import { checkDatabase, checkStore } from '../../event-store/checks.ts';
import { refuseForeignStore } from '../../event-store/foreign-store.ts';
import { createHighWaterMarkReader } from '../../event-store/high-water-mark.ts';
import { checkEventsThere, lastVisible, readEventTexts } from '../../event-store/raw-events.ts';
import { withDatabase } from '../database.ts';
import { exportTo, exportToFile } from '../export-events.ts';
import { stateFolder } from '../find-client.ts';
import { defineVerb, examples } from './verb.ts';
import { addSchemaSettings, checkPosition } from './verb-options.ts';

interface ExportVerbOptions {
  /** The first position; 1 for all events. */
  readonly from: bigint;
  /** A file; undefined: stdout. */
  readonly out: string | undefined;
  /** For `readConfig`. */
  readonly flags: Readonly<Record<string, unknown>>;
}

export const exportVerb = defineVerb<ExportVerbOptions>({
  name: 'export',
  define: (command, run) => {
    command
      .description('write the events, one JSON object a line, in the format of import')
      .option('--from <position>', 'leave out the events before this position', '1')
      .option('--out <file>', 'write a file, which exists only when it is complete (default: stdout)')
      .addHelpText('after', examples('export --out history.ndjson', 'export --from 20001 | gzip > newer.ndjson.gz'));
    addSchemaSettings(command);
    command.action(async (given: { from: string; out?: string }) => {
      const { from, out, ...flags } = given;
      await run({ from: checkPosition(command, '--from', from), out, flags });
    });
  },
  run: async ({ from, out, flags }, context) => {
    const config = readConfig({ flags, env: context.env });
    const { cwd, signal, terminal } = context;
    // One connection: the statements of the high-water mark reader must run in the order in which they are sent.
    const options = { config, folder: stateFolder(cwd), signal, command: 'export', max: 1 };
    await withDatabase(options, async (sql, address) => {
      await checkDatabase(sql, address);
      await checkEventsThere(sql, config.schema);
      await refuseForeignStore(sql, config.schema);
      await checkStore(sql, { notify: false });
      const { position: highWaterMark } = await createHighWaterMarkReader(sql).read();
      const isWhole = (await lastVisible(sql)) <= highWaterMark;
      const pages = readEventTexts(sql, { after: from - 1n, head: highWaterMark });
      const count = await (out === undefined
        ? exportTo(process.stdout, pages, signal)
        : exportToFile(out, pages, context));
      if (out !== undefined) terminal.stdout.write(`${count} events exported\n`);
      if (!isWhole && count !== null) terminal.stderr.write(`projectionist: ${describeLeftOut(highWaterMark)}\n`);
    });
    return 0;
  },
});

function describeLeftOut(highWaterMark: bigint): string {
  return `events above position ${highWaterMark} are left out, an open transaction may add earlier ones: export again later`;
}
