import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { untilCaughtUp } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { untilSeen, WAYS } from '../support/operators.ts';
import type { Scene } from '../support/scene.ts';
import { openServed, type Served } from '../support/served.ts';
import { openSession } from '../support/session.ts';

let served: Served;
let scene: Scene;
beforeAll(async () => {
  const projections = ['ledger', 'other'].map((name) => createLedger({ name }).projection);
  served = await openServed(projections, { bulkLimit: 50, retries: 0 });
  scene = served.scene;
  await untilCaughtUp(await served.start(), scene.sql);
});
afterAll(() => served[Symbol.asyncDispose]());

/** Of `ledger` alone; `other` goes on. */
const ONLY = `WHEN (NEW.name = 'ledger' AND NEW.cursor <> OLD.cursor)`;

/** What the database can refuse, and what an operator reads while it does. */
const TROUBLE = [
  {
    what: '43: another error of the database',
    break: `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN RAISE EXCEPTION 'try again' USING ERRCODE = '40001'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION refuse()`,
    mend: 'DROP FUNCTION refuse CASCADE',
    detail: /^backing off since \S+: try again$/,
    alone: true,
  },
  {
    what: '44: events that cannot be read',
    break: 'ALTER TABLE events RENAME COLUMN id TO hidden',
    mend: 'ALTER TABLE events RENAME COLUMN hidden TO id',
    // The check of the store, which a refused poll starts, says more than PostgreSQL's own text.
    detail: /^table events lacks id, so it is not the event store of this program: /,
    alone: false,
  },
  {
    what: '45: a move of the position that touches no row',
    break: `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON projection_state FOR EACH ROW ${ONLY} EXECUTE FUNCTION refuse()`,
    mend: 'DROP FUNCTION refuse CASCADE',
    detail: /^backing off since \S+: projection 'ledger' was moved by another program/,
    alone: true,
  },
  {
    what: '45: a COMMIT that fails',
    break: `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '40001'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON projection_state DEFERRABLE INITIALLY DEFERRED
              FOR EACH ROW ${ONLY} EXECUTE FUNCTION refuse()`,
    mend: 'DROP FUNCTION refuse CASCADE',
    detail: /^backing off since \S+: not now$/,
    alone: true,
  },
] as const;

/** As any client may append: with the columns that an event must have, and no others. */
async function appendPlainly(stream: string, events: number): Promise<string> {
  const rows = await scene.sql<{ position: bigint }[]>`
    INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
    SELECT 'test.Stream', ${stream}, n, 'Noted', jsonb_build_object('text', ${stream}::text || n)
    FROM generate_series(1, ${events}::int) AS n RETURNING position`;
  return String(rows.at(-1)?.position);
}

describe.each(WAYS)('through %s', (way) => {
  const operator = () => served.ways[way];

  test.each(TROUBLE.map((databaseError) => [databaseError.what, databaseError] as const))(
    '%s is reported and waited out: no event is blamed, nothing is applied, nothing is lost',
    async (_what, databaseError) => {
      const by = operator();
      await untilCaughtUp(served.daemon(), scene.sql);
      const [before, rows] = [await by.status('ledger'), await readLedger(scene.sql)];
      await scene.sql.unsafe(databaseError.break);
      const last = await appendPlainly(`${databaseError.what} ${way} `, 3);
      try {
        const seen = await untilSeen(by, 'ledger', ({ detail }) => databaseError.detail.test(detail ?? ''));
        expect(seen).toMatchObject({ cursor: before.cursor, position: before.position, failure: null });
        expect(['live', 'catching-up']).toContain(seen.state);
        expect(await by.failures('ledger')).toEqual([]);
        expect(await readLedger(scene.sql)).toEqual(rows);
        if (databaseError.alone) expect(await by.wait('other', last)).toMatchObject({ ok: true });
      } finally {
        await scene.sql.unsafe(databaseError.mend);
      }
      expect(await by.wait('ledger', last)).toMatchObject({ ok: true });
      expect((await readLedger(scene.sql)).slice(rows.length)).toHaveLength(3);
    },
  );

  test('44: a position that an open transaction holds is waited for, the detail says so, and the others go on', async () => {
    const by = operator();
    await untilCaughtUp(served.daemon(), scene.sql);
    const before = await by.status('ledger');
    await using holder = openSession({ url: scene.database.url }, 'holder');
    await holder.run('BEGIN');
    await holder.run(`SELECT FROM projection_state WHERE name = 'ledger' FOR UPDATE`);
    const last = await appendPlainly(`held ${way} `, 1);
    const held = await untilSeen(by, 'ledger', ({ detail }) => detail === 'another daemon works on it');
    expect(held).toMatchObject({ cursor: before.cursor, failure: null });
    expect(await by.wait('other', last)).toMatchObject({ ok: true });
    await holder.run('ROLLBACK');
    expect(await by.wait('ledger', last)).toMatchObject({ ok: true });
  });

  test('46: of many pages at once one wait sees the end; no client has to ask again', async () => {
    const by = operator();
    const appended = await scene.append(...noted(`pages ${way} `, 1, 170));
    const last = String(appended[169]?.position);
    expect(await by.wait('ledger', last)).toMatchObject({ ok: true });
    expect(await untilSeen(by, 'ledger', ({ state }) => state === 'live')).toMatchObject({
      cursor: last,
      lagEvents: 0,
    });
    expect((await readLedger(scene.sql)).filter((text) => text.startsWith(`pages ${way} `))).toHaveLength(170);
  });

  test('47: what has been processed is not processed again, over a restart, hints and a RETRY', async () => {
    const by = operator();
    await untilCaughtUp(served.daemon(), scene.sql);
    const [before, rows] = [await by.status('ledger'), await readLedger(scene.sql)];
    await served.stop();
    await served.start();
    await untilSeen(by, 'ledger', ({ state }) => state === 'live');
    for (let hint = 0; hint < 5; hint++) await scene.sql`SELECT pg_notify('projectionist:public', '')`;
    const refused = await by.send('ledger', 'RETRY');
    expect(refused).toMatchObject({ ok: false, said: expect.stringContaining("RETRY means nothing to 'ledger'") });
    expect(await by.wait('ledger', before.cursor, 0)).toMatchObject({ ok: true });
    const { cursor, position, generation } = before;
    expect(await by.status('ledger')).toMatchObject({ cursor, position, generation, lagEvents: 0, failure: null });
    expect(await readLedger(scene.sql)).toEqual(rows);
  });

  test('48, 49: behind an appender that is still open nothing is begun, the detail names it; then all run in order', async () => {
    const by = operator();
    const stream = `order ${way} `;
    await untilCaughtUp(served.daemon(), scene.sql);
    const before = await by.status('ledger');
    await using early = openSession({ url: scene.database.url }, stream);
    await early.run('BEGIN');
    await early.sql`
      INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
      VALUES ('test.Stream', ${stream}, 1, 'Noted', ${JSON.stringify({ text: `${stream}1` })}::text::jsonb)`;
    const [late] = await scene.append(...noted(`${stream}late `, 1, 1));
    const last = String(late?.position);
    const pid = await early.pid();
    const expected = `waiting for the transaction of pid ${pid} that appends events`;
    const held = await untilSeen(by, 'ledger', ({ detail }) => detail?.startsWith(expected) === true);
    expect(held).toMatchObject({ state: 'live', cursor: before.cursor, head: before.head, failure: null });
    expect(await by.wait('ledger', last, 0)).toMatchObject({ ok: false });
    await early.run('COMMIT');
    expect(await by.wait('ledger', last)).toMatchObject({ ok: true });
    expect((await readLedger(scene.sql)).slice(-2)).toEqual([`${stream}1`, `${stream}late 1`]);
  });
});
