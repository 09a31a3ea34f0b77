import type { TableShape } from '../../core/projection.ts';
import { pairRows } from '../../core/row-changes.ts';
import { stringifyJson } from '../../postgres/json.ts';
import { EventFailed } from '../../projector/page-outcome.ts';
import type { TestRow } from '../backend.ts';

/** The outcome of applying the event of a failure snapshot to the rows of the snapshot. */
export interface Replay {
  readonly outcome: 'applied' | 'failed';
  readonly error: string | null;
  /** The code of an EngineError; null for any other error. */
  readonly code: string | null;
  readonly sqlstate: string | null;
  /** Rows that differ. `before` is null for a new row, `after` for a removed one. Empty after a failure. */
  readonly changes: readonly {
    readonly table: string;
    readonly before: TestRow | null;
    readonly after: TestRow | null;
  }[];
  readonly on: 'memory' | 'postgres';
}

type Rows = ReadonlyMap<string, readonly TestRow[]>;

export function applied(on: Replay['on'], tables: ReadonlyMap<string, TableShape>, before: Rows, after: Rows): Replay {
  const changes = [...tables].flatMap(([table, { key }]) => {
    const keyed = (rows: Rows) => (rows.get(table) ?? []).map((row) => toKeyedRow(row, key));
    return pairRows(keyed(before), keyed(after)).map((pair) => ({
      table,
      before: pair.before?.row ?? null,
      after: pair.after?.row ?? null,
    }));
  });
  return { outcome: 'applied', error: null, code: null, sqlstate: null, changes, on };
}

/** @throws the error itself when the event did not cause it */
export function failed(on: Replay['on'], error: unknown): Replay {
  if (!(error instanceof EventFailed)) throw error;
  const { error: message, code, sqlstate } = error.failure;
  return { outcome: 'failed', error: message, code, sqlstate, changes: [], on };
}

function toKeyedRow(row: TestRow, key: readonly string[]) {
  return { row, key: stringifyJson(key.map((column) => row[column] ?? null)), mark: stringifyJson(row) };
}
