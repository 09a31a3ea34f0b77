import {
  create,
  defineProjection,
  type NewEvent,
  type Projection,
  type Statement,
  type StoredEvent,
} from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';

interface Noted {
  readonly name: 'Noted';
  readonly payload: { readonly text: string };
}

export interface Ledger {
  readonly projection: Projection;
  /** Positions in the order in which the handler was called, rolled-back calls included. */
  readonly calls: bigint[];
}

/**
 * One row per event, numbered in the order of applying. The position is the key, so an event that is applied twice is a
 * failure.
 */
export function createLedger(
  options: {
    readonly name?: string;
    readonly handle?: (
      event: StoredEvent<'Noted', Noted['payload']>,
      row: Statement,
    ) => Statement | readonly Statement[];
  } = {},
): Ledger {
  const { name = 'ledger', handle = (_event, row) => row } = options;
  const calls: bigint[] = [];
  const projection = defineProjection<Noted>()({
    name,
    schema: `CREATE TABLE IF NOT EXISTS ${name} (
      position bigint PRIMARY KEY, text text NOT NULL, applied bigint GENERATED ALWAYS AS IDENTITY)`,
    tables: { [name]: { key: ['position'] } },
    on: {
      Noted: (event) => {
        calls.push(event.position);
        return handle(event, create(name, { position: event.position, text: event.payload.text }));
      },
    },
  });
  return { projection, calls };
}

/** Events of one stream: `noted('a', 1, 2)` is its second and third. */
export function noted(stream: string, first: number, count: number, more: Partial<NewEvent> = {}): NewEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    aggregateName: 'test.Stream',
    aggregateId: stream,
    sequenceNo: first + index,
    name: 'Noted',
    payload: { text: `${stream}${first + index}` },
    ...more,
  }));
}

/** The texts in the order of applying. */
export async function readLedger(sql: Sql, name = 'ledger'): Promise<readonly string[]> {
  const rows = await sql<{ text: string }[]>`SELECT text FROM ${sql(name)} ORDER BY applied`;
  return rows.map(({ text }) => text);
}
