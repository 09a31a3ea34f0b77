import { connect, type DatabaseAddress, type Sql } from '../../src/store/connect.ts';

/** One session of a scripted interleaving: statements run in the order given, the transaction stays open in between. */
export interface Session extends AsyncDisposable {
  /** A pool of one connection, so BEGIN and COMMIT may be sent as statements. */
  readonly sql: Sql;
  run(text: string): Promise<void>;
  pid(): Promise<number>;
  /** A plain INSERT of the next event of this session's own stream. */
  insert(events?: number): Promise<void>;
}

export function openSession(address: DatabaseAddress, stream: string): Session {
  const sql = connect({ address, applicationName: `session ${stream}`, max: 1 });
  let next = 1;
  return {
    sql,
    run: async (text) => {
      await sql.unsafe(text).simple();
    },
    pid: async () => {
      const [row] = await sql<[{ pid: number }]>`SELECT pg_backend_pid() AS pid`;
      return row.pid;
    },
    insert: async (events = 1) => {
      await sql`
        INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
        SELECT 'Stream', ${stream}, n, 'Appended', '{}' FROM generate_series(${next}::int, ${next + events - 1}::int) AS n`;
      next += events;
    },
    [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }),
  };
}
