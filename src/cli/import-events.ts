import { isUtf8 } from 'node:buffer';
import { type EngineError, isEngineError } from '../core/errors.ts';
import { badLine, type ImportedEvent, parseImportLine } from './import-line.ts';
import { type Line, readLines } from './lines.ts';

const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** A batch is also full at this size, so that 500 long lines are not held at once. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;

/**
 * Stores events in one transaction, all or none, and skips those that are there already.
 * @throws EngineError APPEND_CONFLICT with aggregateName, aggregateId and sequenceNo; APPEND_DIFFERS with id (it is
 * stored with something else in it); APPEND_INVALID; APPEND_DUPLICATE
 */
export type AppendBatch = (
  events: readonly ImportedEvent[],
) => Promise<{ readonly appended: number; readonly skipped: number }>;

export interface ImportOptions {
  readonly source: AsyncIterable<Uint8Array>;
  readonly appendBatch: AppendBatch;
  /** Stops between two batches. */
  readonly signal: AbortSignal;
  /** Events in one transaction. Default 500. */
  readonly batchSize?: number;
  /** Default 64 MiB. */
  readonly maxLineBytes?: number;
  /** Called after each batch, with the sums so far. */
  readonly onBatch?: (sums: Imported) => void;
}

export interface Imported {
  readonly appended: number;
  /** They were stored already. */
  readonly skipped: number;
}

interface Entry {
  readonly line: number;
  readonly event: ImportedEvent;
}

/**
 * Imports events, a line each; blank lines are passed over. Stops at the first bad line: everything before it is
 * stored, nothing from it on.
 * @throws EngineError IMPORT_LINE with the line's number and how many events were taken before it (stored now or
 * already), and what `appendBatch` throws beyond its list (the database went away)
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
      throw retold(entry, sums);
    }
    batch.push(entry);
    bytes += line.bytes?.length ?? 0;
    if (batch.length >= batchSize || bytes >= MAX_BATCH_BYTES) await flush();
  }
  await flush();
  return sums;
}

/** Null for a blank line. A bad one is returned, not thrown, since what came before it has yet to be stored. */
function tryParse({ number, bytes }: Line, maxBytes: number): Entry | EngineError | null {
  if (bytes === null) return badLine(number, `it is longer than ${maxBytes} bytes`);
  if (!isUtf8(bytes)) return badLine(number, 'it is not UTF-8');
  const text = bytes.toString('utf8').replace(number === 1 ? /^\uFEFF/ : /(?!)/, '');
  // trim() would also take characters away that JSON does not allow between tokens.
  if (/^[ \t\r]*$/.test(text)) return null;
  try {
    return { line: number, event: parseImportLine(text, number) };
  } catch (error) {
    if (isEngineError(error)) return error;
    throw error;
  }
}

/**
 * Stores a batch. When the store refuses an event, everything before that event is stored, and the error names its
 * line. Each round is shorter than the one before, so it ends.
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
      // Where the store does not say which event it was, halving finds it.
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

/** The last that fits: of two in the batch, the first may be fine; if it is not, the next round finds it. */
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

function retold(error: EngineError, sums: Imported): EngineError {
  const { line, reason } = error.fields;
  return badLine(Number(line), String(reason), sums.appended + sums.skipped, error.cause);
}
