import { isUtf8 } from 'node:buffer';
import { type EngineError, isEngineError } from '../core/errors.ts';
import { badLine, type ImportedEvent, parseImportLine } from './import-line.ts';

const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** A batch is also full at this size, which bounds the memory for long lines. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;

/**
 * Stores events in one transaction, all or none, and skips events that are stored already.
 * @throws EngineError APPEND_CONFLICT with aggregateName, aggregateId and sequenceNo; APPEND_DIFFERS with id (the stored
 * event with this id has other content); APPEND_INVALID; APPEND_DUPLICATE
 */
export type AppendBatch = (
  events: readonly ImportedEvent[],
) => Promise<{ readonly appended: number; readonly skipped: number }>;

export interface ImportOptions {
  readonly source: AsyncIterable<Uint8Array>;
  readonly appendBatch: AppendBatch;
  /** Ends the import between two batches. */
  readonly signal: AbortSignal;
  /** Events in one transaction. Default 500. */
  readonly batchSize?: number;
  /** Default 64 MiB. */
  readonly maxLineBytes?: number;
  /** Called after each batch, with the sums since the beginning. */
  readonly onBatch?: (sums: Imported) => void;
}

export interface Imported {
  readonly appended: number;
  /** Events that were stored already. */
  readonly skipped: number;
}

interface Entry {
  readonly line: number;
  readonly event: ImportedEvent;
}

/**
 * Imports one event a line; blank lines are ignored. Stops at the first bad line: the events before it are stored, and
 * none after it.
 * @throws EngineError IMPORT_LINE with the number of the line and of the events before it (stored now or earlier), and
 * other errors of `appendBatch` (the database cannot be reached)
 */
export async function importEvents(options: ImportOptions): Promise<Imported> {
  const { source, appendBatch, signal, batchSize = 500, maxLineBytes = MAX_LINE_BYTES, onBatch } = options;
  const sums = { appended: 0, skipped: 0 };
  let batch: Entry[] = [];
  let bytes = 0;

  async function flush(): Promise<void> {
    signal.throwIfAborted();
    const entries = batch;
    batch = [];
    bytes = 0;
    await store(entries, appendBatch, sums);
    onBatch?.({ ...sums });
  }

  for await (const line of readLines(source, maxLineBytes)) {
    const entry = tryParse(line, maxLineBytes);
    if (entry === null) continue;
    if (isEngineError(entry)) {
      await flush();
      throw withTaken(entry, sums);
    }
    batch.push(entry);
    bytes += line.bytes?.length ?? 0;
    if (batch.length >= batchSize || bytes >= MAX_BATCH_BYTES) await flush();
  }
  await flush();
  return sums;
}

/** Null for a blank line. The error of a bad line is returned, not thrown, since the lines before it are not stored yet. */
function tryParse({ number, bytes }: Line, maxBytes: number): Entry | EngineError | null {
  if (bytes === null) return badLine(number, `it is longer than ${maxBytes} bytes`);
  if (!isUtf8(bytes)) return badLine(number, 'it is not UTF-8');
  const text = bytes.toString('utf8').replace(number === 1 ? /^\uFEFF/ : /(?!)/, '');
  // Not trim(): it would remove characters that JSON does not allow between tokens.
  if (/^[ \t\r]*$/.test(text)) return null;
  try {
    return { line: number, event: parseImportLine(text, number) };
  } catch (error) {
    if (isEngineError(error)) return error;
    throw error;
  }
}

/**
 * Stores a batch. When the store refuses an event, the events before it are stored, and the error names its line. Each
 * round has fewer events than the one before, so the loop ends.
 */
async function store(
  entries: readonly Entry[],
  appendBatch: AppendBatch,
  sums: { appended: number; skipped: number },
): Promise<void> {
  let rest = entries;
  let refused: { readonly line: number; readonly error: EngineError } | null = null;
  while (rest.length > 0) {
    try {
      const { appended, skipped } = await appendBatch(rest.map(({ event }) => event));
      sums.appended += appended;
      sums.skipped += skipped;
      break;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // The error may not name the event: halving the batch finds it.
      const found = indexOfRefused(rest, error);
      if (found === -1 && rest.length > 1) {
        const half = Math.ceil(rest.length / 2);
        await store(rest.slice(0, half), appendBatch, sums);
        await store(rest.slice(half), appendBatch, sums);
        break;
      }
      const index = Math.max(found, 0);
      refused = { line: rest[index]?.line ?? 0, error };
      rest = rest.slice(0, index);
    }
  }
  if (refused !== null) throw badLine(refused.line, refused.error.message, sums.appended + sums.skipped, refused.error);
}

/** The last one that matches: of two equal ones the first may be valid; if it is not, the next round finds it. */
function indexOfRefused(entries: readonly Entry[], { fields }: EngineError): number {
  return entries.findLastIndex(({ event }) =>
    fields['sequenceNo'] === undefined
      ? event.id === String(fields['id'] ?? '').toLowerCase()
      : event.aggregateName === fields['aggregateName'] &&
        event.aggregateId === fields['aggregateId'] &&
        String(event.sequenceNo) === String(fields['sequenceNo']),
  );
}

function isRefusal(error: unknown): error is EngineError {
  return (
    isEngineError(error, 'APPEND_CONFLICT') ||
    isEngineError(error, 'APPEND_DIFFERS') ||
    isEngineError(error, 'APPEND_INVALID') ||
    isEngineError(error, 'APPEND_DUPLICATE')
  );
}

/** The same error, with the number of events before the line. */
function withTaken(error: EngineError, sums: Imported): EngineError {
  const { line, reason } = error.fields;
  return badLine(Number(line), String(reason), sums.appended + sums.skipped, error.cause);
}

interface Line {
  /** The first line is 1. */
  readonly number: number;
  /** Null: the line is longer than the bound, and reading has stopped there. */
  readonly bytes: Buffer | null;
}

const NEWLINE = 0x0a;

/**
 * Splits a stream into lines. It holds at most one line and one chunk in memory. A last line needs no newline.
 * @param maxBytes of one line, without its newline
 */
export async function* readLines(source: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Line, void> {
  let parts: Buffer[] = [];
  let size = 0;
  let number = 1;
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); ; end = bytes.indexOf(NEWLINE, start)) {
      const piece = bytes.subarray(start, end === -1 ? bytes.length : end);
      size += piece.length;
      if (size > maxBytes) {
        yield { number, bytes: null };
        return;
      }
      parts.push(piece);
      if (end === -1) break;
      yield { number, bytes: parts.length === 1 ? piece : Buffer.concat(parts) };
      number += 1;
      parts = [];
      size = 0;
      start = end + 1;
    }
  }
  if (size > 0) yield { number, bytes: Buffer.concat(parts) };
}
