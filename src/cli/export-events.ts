import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EngineError } from '../core/errors.ts';
import type { EventText } from '../event-store/raw-events.ts';

type Place = { readonly cwd: string; readonly signal: AbortSignal };
type Pages = AsyncIterable<readonly EventText[]>;

/** One line of an import. The position is left out: another store draws its own. */
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
 * Writes the events to a stream that stays open, no faster than it takes them.
 * @returns how many; null when its reader went away (`| head` has what it wanted)
 */
export async function exportTo(stream: Writable, pages: Pages, signal: AbortSignal): Promise<number | null> {
  try {
    return await write(stream, pages, { signal, end: false });
  } catch (error) {
    if (codeOf(error) === 'EPIPE') return null;
    throw error;
  }
}

/**
 * Writes the events to a file, which is there only when it is complete: half an export looks like a whole one.
 * @throws EngineError CONFIG_FILE
 */
export async function exportToFile(file: string, pages: Pages, place: Place): Promise<number> {
  return await replaceFile(file, place, async (handle, flush) => {
    return await write(handle.createWriteStream({ flush }), pages, { signal: place.signal, end: true });
  });
}

/** Writes a file, which is there only when it is complete. @throws EngineError CONFIG_FILE */
export async function writeWhole(file: string, text: string, place: Place): Promise<void> {
  await replaceFile(file, place, async (handle, flush) => {
    await handle.writeFile(text);
    if (flush) await handle.sync();
    await handle.close();
  });
}

async function replaceFile<T>(
  file: string,
  { cwd }: Place,
  fill: (handle: FileHandle, flush: boolean) => Promise<T>,
): Promise<T> {
  const path = resolve(cwd, file);
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) throw new EngineError('CONFIG_FILE', { file: path, reason: 'it is a folder' });
  // A pipe or a device cannot be replaced.
  const replaced = found === null || found.isFile();
  const temporary = replaced ? `${path}.${randomBytes(6).toString('hex')}` : path;
  try {
    const filled = await fill(await openFile(temporary, replaced ? 'wx' : 'w', path), replaced);
    if (replaced) await rename(temporary, path);
    return filled;
  } catch (error) {
    if (replaced) await rm(temporary, { force: true });
    throw error;
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

function refuse(file: string, error: unknown): never {
  const reason = codeOf(error) === 'ENOENT' ? 'its folder is not there' : String(codeOf(error) ?? error);
  throw new EngineError('CONFIG_FILE', { file, reason }, { cause: error });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, 'code') : undefined;
}
