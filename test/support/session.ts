import { connect, type DatabaseAddress, type Queryable } from '../../src/postgres/pool.ts';
import { queryable } from '../../src/postgres/session.ts';

/** One session of a scripted interleaving. Statements run in the order of the calls; the transaction stays open between them. */
export interface Session extends AsyncDisposable {
  /** One connection, so BEGIN and COMMIT may be sent as statements. */
  readonly sql: Queryable;
  run(text: string): Promise<void>;
  pid(): Promise<number>;
  /** A plain INSERT of the next event of this session's own stream. */
  insert(events?: number): Promise<void>;
}

export function openSession(address: DatabaseAddress, stream: string): Session {
  const pool = connect({ address, applicationName: `session ${stream}`, max: 1 });
  let close = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  const opened = new Promise<Queryable>((resolve, reject) => {
    pool
      .session(async (one) => {
        resolve(one);
        await closed;
      })
      .catch(reject);
  });
  opened.catch(() => undefined);
  const sql = queryable(
    async ({ text, values }, { prepare }) => await (await opened).unsafe(text, values, { prepare }),
  );
  let next = 1;
  return {
    sql,
    run: async (text) => {
      await sql.unsafe(text);
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
    [Symbol.asyncDispose]: async () => {
      close();
      await pool.end({ timeout: 1 });
    },
  };
}
