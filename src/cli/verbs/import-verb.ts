import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { readConfig } from '../../config/read-config.ts';
import { EngineError } from '../../core/errors.ts';
import { appendNew } from '../../event-store/append.ts';
import { checkDatabase } from '../../event-store/checks.ts';
import { migrate } from '../../event-store/migrate.ts';
import { withDatabase } from '../database.ts';
import { stateFolder } from '../find-client.ts';
import { type AppendBatch, type Imported, importEvents } from '../import-events.ts';
import { type CommandContext, defineVerb, examples } from './verb.ts';
import { addSchemaSettings } from './verb-options.ts';

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
    addSchemaSettings(command);
    command.action(async (file: string, flags: Record<string, unknown>) => await run({ file, flags }));
  },
  run: async ({ file, flags }, context) => {
    const config = readConfig({ flags, env: context.env });
    const options = { config, folder: stateFolder(context.cwd), signal: context.signal, command: 'import' };
    await withDatabase(options, async (sql, address) => {
      await checkDatabase(sql, address);
      await migrate(sql, {
        schema: config.schema,
        notify: config.listenNotify,
        projections: [],
        secondStore: false,
        onNewStore: (text) => void context.terminal.stderr.write(`projectionist: ${text}\n`),
      });
      await importFile(file, { appendBatch: (events) => appendNew(sql, events) }, context);
    });
    return 0;
  },
});

/**
 * Imports the events of a file, or of stdin, and writes the counts to stdout.
 * @throws EngineError IMPORT_LINE, CONFIG_FILE (the file cannot be read), and the errors of `appendBatch`
 */
export async function importFile(
  file: string,
  {
    appendBatch,
    stdin = process.stdin,
  }: { readonly appendBatch: AppendBatch; readonly stdin?: AsyncIterable<Uint8Array> },
  { cwd, terminal, signal }: CommandContext,
): Promise<Imported> {
  const source = file === '-' ? stdin : readFile(resolve(cwd, file), signal);
  const imported = await importEvents({ source, appendBatch, signal });
  const already = imported.skipped === 0 ? '' : `, ${imported.skipped} were there already`;
  terminal.stdout.write(`${imported.appended} events imported${already}\n`);
  return imported;
}

async function* readFile(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const stream = createReadStream(path, { highWaterMark: 256 * 1024, signal });
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    signal.throwIfAborted();
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    const reason = code === 'ENOENT' ? 'it is not there' : error instanceof Error ? error.message : String(error);
    throw new EngineError('CONFIG_FILE', { file: path, reason }, { cause: error });
  }
}
