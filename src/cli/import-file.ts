import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { EngineError } from '../core/errors.ts';
import { type AppendBatch, type Imported, importEvents } from './import-events.ts';
import type { CommandContext } from './verbs/verb.ts';

/**
 * `projectionist import FILE|-`: says how many events were appended and how many were there already.
 * @throws EngineError IMPORT_LINE, CONFIG_FILE (it cannot be read), and what `appendBatch` throws
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
