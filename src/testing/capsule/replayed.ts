import type { TableShape } from '../../core/projection.ts';
import { pairRows } from '../../core/row-changes.ts';
import { stringifyJson } from '../../postgres/json.ts';
import { EventFailed } from '../../projector/page-outcome.ts';
import type { TestRow } from '../stage.ts';

/** What came of applying the event of a capsule to the rows of the capsule. */
export interface Replay {
  readonly outcome: 'applied' | 'failed';
  readonly error: string | null;
  /** Of the engine, where the error is one of its own. */
  readonly code: string | null;
  readonly sqlstate: string | null;
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
    const seen = (rows: Rows) => (rows.get(table) ?? []).map((row) => toSeen(row, key));
    return pairRows(seen(before), seen(after)).map((pair) => ({
      table,
      before: pair.before?.row ?? null,
      after: pair.after?.row ?? null,
    }));
  });
  return { outcome: 'applied', error: null, code: null, sqlstate: null, changes, on };
}

/** @throws the error where it is not the event's */
export function failed(on: Replay['on'], error: unknown): Replay {
  if (!(error instanceof EventFailed)) throw error;
  const { error: words, code, sqlstate } = error.failure;
  return { outcome: 'failed', error: words, code, sqlstate, changes: [], on };
}

function toSeen(row: TestRow, key: readonly string[]) {
  return { row, key: stringifyJson(key.map((column) => row[column] ?? null)), mark: stringifyJson(row) };
}
