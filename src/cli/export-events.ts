import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EngineError } from '../core/errors.ts';
import type { EventText } from '../event-store/raw-events.ts';
import { diskError, INCOMPLETE } from './disk-errors.ts';

type Context = { readonly cwd: string; readonly signal: AbortSignal };
type Pages = AsyncIterable<readonly EventText[]>;

/** One line, as `import` reads it. The position is left out: another store assigns its own. */
export function exportLine(event: EventText): string {
  const { id, instanceId, aggregateName, aggregateId, sequenceNo, name, occurredAt, payload, metadata } = event;
  const fields = [
    ['id', JSON.stringify(id)],
    ...(instanceId === '' ? [] : [['instanceId', JSON.stringify(instanceId)]]),
    ['aggregateName', JSON.stringify(aggregateName)],
    ['aggregateId', JSON.stringify(aggregateId)],
    ['sequenceNo', sequenceNo.toString()],
    ['name', JSON.stringify(name)],
    ['occurredAt', JSON.stringify(occurredAt)],
    ['payload', payload],
    ...(metadata === '{}' ? [] : [['metadata', metadata]]),
  ];
  return `{${fields.map(([field, json]) => `"${field}":${json}`).join(',')}}\n`;
}

/**
 * Writes the events to a stream, at the speed of its reader. The stream stays open.
 * @returns the number of events; null when the reader closed the pipe (`| head`)
 * @throws EngineError DISK_FULL
 */
export async function exportTo(stream: Writable, pages: Pages, signal: AbortSignal): Promise<number | null> {
  try {
    return await write(stream, pages, { signal, end: false });
  } catch (error) {
    if (codeOf(error) === 'EPIPE') return null;
    throw diskError(error, 'stdout', INCOMPLETE) ?? error;
  }
}

/**
 * Writes the events to a file that exists only when it is complete: half an export looks like a whole one.
 * @returns the number of events
 * @throws EngineError CONFIG_FILE, DISK_FULL
 */
export async function exportToFile(file: string, pages: Pages, context: Context): Promise<number> {
  return await replaceFile(file, context, async (handle, flush) => {
    return await write(handle.createWriteStream({ flush }), pages, { signal: context.signal, end: true });
  });
}

/** Writes a text to a file that exists only when it is complete. @throws EngineError CONFIG_FILE, DISK_FULL */
export async function writeWholeFile(file: string, text: string, context: Context): Promise<void> {
  await replaceFile(file, context, async (handle, flush) => {
    await handle.writeFile(text);
    if (flush) await handle.sync();
    await handle.close();
  });
}

async function replaceFile<T>(
  file: string,
  { cwd }: Context,
  fill: (handle: FileHandle, flush: boolean) => Promise<T>,
): Promise<T> {
  const path = resolve(cwd, file);
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) throw new EngineError('CONFIG_FILE', { file: path, reason: 'it is a folder' });
  // A pipe or a device cannot be replaced: it is written directly.
  const replaced = found === null || found.isFile();
  const temporary = replaced ? `${path}.${randomBytes(6).toString('hex')}` : path;
  try {
    const filled = await fill(await openFile(temporary, replaced ? 'wx' : 'w', path), replaced);
    if (replaced) await rename(temporary, path);
    return filled;
  } catch (error) {
    // On a disk that fails the removal can fail too; the first error says more.
    const removed =
      replaced &&
      (await rm(temporary, { force: true }).then(
        () => true,
        () => false,
      ));
    throw (
      diskError(error, path, removed ? leftOf(found !== null) : replaced ? `${temporary} is incomplete` : INCOMPLETE) ??
      error
    );
  }
}

async function write(
  stream: Writable,
  pages: Pages,
  { signal, end }: { readonly signal: AbortSignal; readonly end: boolean },
): Promise<number> {
  let count = 0;
  async function* texts(): AsyncGenerator<string, void, undefined> {
    for await (const page of pages) {
      yield page.map(exportLine).join('');
      count += page.length;
    }
  }
  try {
    await pipeline(Readable.from(texts(), { highWaterMark: 1 }), stream, { signal, end });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
  return count;
}

async function openFile(temporary: string, flags: 'w' | 'wx', path: string): Promise<FileHandle> {
  return await open(temporary, flags).catch((error: unknown) => refuse(path, error));
}

function leftOf(existed: boolean): string {
  return existed ? 'it is as it was before' : 'nothing was left there';
}

function refuse(file: string, error: unknown): never {
  const full = diskError(error, file, 'nothing was written');
  if (full !== null) throw full;
  const reason = codeOf(error) === 'ENOENT' ? 'its folder is not there' : String(codeOf(error) ?? error);
  throw new EngineError('CONFIG_FILE', { file, reason }, { cause: error });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, 'code') : undefined;
}
