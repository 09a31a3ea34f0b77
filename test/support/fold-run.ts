import fc from 'fast-check';
import { expect } from 'vitest';
import { generateHistory, type HistoryEvent } from '../../examples/dancefinder/history.ts';
import { projections } from '../../examples/dancefinder/projectionist.config.ts';
import { append } from '../../src/event-store/append.ts';
import type { Projection } from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { expectedTables, readTables } from './dancefinder.ts';
import type { TestDatabase } from './database.ts';
import { emptyStore } from './empty-store.ts';
import { startDaemon, untilApplied, untilStatus } from './engine.ts';

const NAMES = projections.map(({ name }) => name);

/** An append, and the projection that is reset before it, or null. */
interface Step {
  readonly append: number;
  readonly reset: string | null;
}

export interface FoldCase {
  readonly seed: number;
  readonly before: number;
  readonly bulkLimit: number | null;
  readonly steps: readonly Step[];
}

/** Any history in appends of any size, on pages of any size, with resets between the appends. */
export function foldCases(maxEvents: number): fc.Arbitrary<FoldCase> {
  return fc.record({
    seed: fc.integer({ min: 0, max: 2 ** 48 }),
    before: fc.integer({ min: 0, max: maxEvents }),
    bulkLimit: fc.constantFrom(1, 2, 7, 50, null),
    steps: fc.array(
      fc.record({
        append: fc.integer({ min: 1, max: Math.max(1, Math.floor(maxEvents / 6)) }),
        reset: fc.option(fc.constantFrom(...NAMES)),
      }),
      { maxLength: 5 },
    ),
  });
}

/** Runs a case, and compares rows, positions and cursors with the fold of all events. */
export async function runFoldCase(database: TestDatabase, sql: Sql, foldCase: FoldCase): Promise<void> {
  await emptyStore(sql, projections);
  const total = foldCase.before + foldCase.steps.reduce((sum, step) => sum + step.append, 0);
  const history = [...generateHistory({ seed: foldCase.seed, events: total })];
  await append(sql, history.splice(0, foldCase.before));
  {
    await using daemon = await startDaemon(database, projections, { bulkLimit: foldCase.bulkLimit });
    const resets: Promise<unknown>[] = [];
    for (const step of foldCase.steps) {
      if (step.reset !== null) resets.push(daemon.send(step.reset, 'RESET'));
      await append(sql, history.splice(0, step.append));
    }
    expect(await Promise.all(resets)).toEqual(resets.map(() => expect.objectContaining({ kind: 'done' })));
    await untilApplied(daemon, sql);
  }
  expect(await readTables(sql)).toEqual(await expectedTables(sql));
  const wrong = await sql`
    SELECT s.name, s.cursor, r.position FROM projection_state AS s JOIN readviews AS r USING (name)
    WHERE s.cursor <> (SELECT coalesce(max(position), 0) FROM events)
       OR r.position <> (SELECT coalesce(max(tstamp), 0) FROM events)`;
  expect([...wrong]).toEqual([]);
}

/** An event that cannot be applied, and the projection that fails at it. */
interface Poison {
  readonly projection: string;
  /** Projections that are not compared while this one is halted, because they look its rows up. */
  readonly waits: readonly string[];
  readonly sqlstate: string | null;
  readonly event: Omit<HistoryEvent, 'id' | 'occurredAt' | 'sequenceNo'>;
  /** The columns of the event that is applied after the correction. */
  readonly mended: { readonly aggregateId?: string; readonly payload?: object };
}

const ID = '5a1e7000-0000-4000-8000-000000000001';

const POISONS: readonly Poison[] = [
  {
    projection: 'band',
    waits: ['userpreferences'],
    sqlstate: '23502',
    event: { aggregateName: 'domain.Band', aggregateId: ID, name: 'BandCreated', payload: { name: null } },
    mended: { payload: { name: 'Mended' } },
  },
  {
    projection: 'dancehall',
    waits: [],
    sqlstate: '22P02',
    event: {
      aggregateName: 'domain.DanceHall',
      aggregateId: 'not-a-uuid',
      name: 'DanceHallCreated',
      payload: { name: 'Hall', city: 'City', municipality: 'Town', state: 'State' },
    },
    mended: { aggregateId: ID },
  },
  {
    projection: 'event',
    waits: [],
    sqlstate: '22008',
    event: {
      aggregateName: 'domain.Event',
      aggregateId: ID,
      name: 'EventCreated',
      payload: { date: '2025-02-30', bandId: ID, danceHallId: ID },
    },
    mended: { payload: { date: '2025-02-28', bandId: ID, danceHallId: ID } },
  },
  {
    // The handler throws: it reads a field of a payload that is no object.
    projection: 'userpreferences',
    waits: [],
    sqlstate: null,
    event: { aggregateName: 'domain.UserPreferences', aggregateId: ID, name: 'CityIgnored', payload: null },
    mended: { payload: { subject: 'mended', city: 'City' } },
  },
  {
    projection: 'userpreferences',
    waits: [],
    sqlstate: null,
    event: {
      aggregateName: 'domain.UserPreferences',
      aggregateId: ID,
      name: 'BandIgnored',
      payload: { subject: 'mended', bandName: 'a band that nobody knows' },
    },
    mended: { payload: { subject: 'mended', bandName: 'FIRST BAND' } },
  },
];

export interface PoisonedCase {
  readonly seed: number;
  readonly before: number;
  readonly after: number;
  readonly bulkLimit: number | null;
  readonly retries: number;
  readonly poison: Poison;
  /** 'mend': the event is corrected and RETRY is sent. 'redefine': the next start has a handler that does nothing for it. */
  readonly cure: 'mend' | 'redefine';
}

export function poisonedCases(maxEvents: number): fc.Arbitrary<PoisonedCase> {
  return fc.record({
    seed: fc.integer({ min: 0, max: 2 ** 48 }),
    before: fc.integer({ min: 0, max: maxEvents }),
    after: fc.integer({ min: 0, max: maxEvents }),
    bulkLimit: fc.constantFrom(1, 2, 7, 50, null),
    retries: fc.constantFrom(0, 2),
    poison: fc.constantFrom(...POISONS),
    cure: fc.constantFrom('mend', 'redefine'),
  });
}

export async function runPoisonedCase(database: TestDatabase, sql: Sql, foldCase: PoisonedCase): Promise<void> {
  const { poison, bulkLimit } = foldCase;
  const { projection: name } = poison;
  await emptyStore(sql, projections);
  const history = [...generateHistory({ seed: foldCase.seed, events: foldCase.before + foldCase.after })];
  // The mended BandIgnored needs a band; any other history begins with one as well.
  const first = { name: 'FIRST BAND' };
  const firstBand = {
    aggregateName: 'domain.Band',
    aggregateId: `${ID.slice(0, -1)}2`,
    sequenceNo: 1,
    name: 'BandCreated',
  };
  await append(sql, [{ ...firstBand, payload: first }, ...history.slice(0, foldCase.before)]);
  const [bad] = await append(sql, [{ ...poison.event, sequenceNo: 1 }]);
  if (bad === undefined) throw new Error('the poison was not appended');
  await append(sql, history.slice(foldCase.before));

  const options = { bulkLimit, retries: foldCase.retries, retryFailedAfterMs: 2 };
  {
    await using daemon = await startDaemon(database, projections, options);
    const halted = await untilStatus(daemon, name, ({ state, failure }) => {
      return state === 'failed' && failure?.attempts === 1 + foldCase.retries;
    });
    expect(halted.failure).toMatchObject({
      position: String(bad.position),
      eventId: bad.id,
      sqlstate: poison.sqlstate,
    });
    const others = NAMES.filter((other) => other !== name && !poison.waits.includes(other));
    await untilApplied(daemon, sql, others);
    await expectHalted(sql, name, bad.position, others);
    if (foldCase.cure === 'mend') {
      await mend(sql, poison, bad.position);
      expect(await daemon.send(name, 'RETRY')).toMatchObject({ kind: 'done' });
      await untilApplied(daemon, sql);
      expect(await readTables(sql)).toEqual(await expectedTables(sql));
    }
  }
  if (foldCase.cure === 'redefine') {
    await using daemon = await startDaemon(database, projections.map(passingOver(bad.id)), options);
    await untilApplied(daemon, sql);
    await sql`UPDATE events SET name = 'PassedOver' WHERE position = ${bad.position}`;
    expect(await readTables(sql)).toEqual(await expectedTables(sql));
  }
  const failures = await sql`SELECT name, position FROM projection_failures`;
  expect([...failures]).toEqual([]);
}

/** Expects the projection halted exactly before the event: its rows are the fold up to there, and the others have applied every event. */
async function expectHalted(sql: Sql, name: string, position: bigint, others: readonly string[]): Promise<void> {
  const rows = await readTables(sql);
  const prefix = await expectedTables(sql, position - 1n);
  // The fold has no rule for an event that cannot be applied, and the other projections do not handle it.
  const whole = await expectedTables(sql, undefined, position);
  const pick = (tables: Readonly<Record<string, unknown>>, owners: readonly string[]) =>
    Object.fromEntries(
      projections
        .filter((one) => owners.includes(one.name))
        .flatMap(({ tables: own }) => [...own.keys()].map((key) => [key, tables[key]])),
    );
  expect(pick(rows, [name])).toEqual(pick(prefix, [name]));
  expect(pick(rows, others)).toEqual(pick(whole, others));
  const handled = [...(projections.find((one) => one.name === name)?.handlers.keys() ?? [])];
  const [found] = await sql<[{ before: boolean; between: number; status: string }]>`
    SELECT s.cursor < ${position} AS before, s.status,
           (SELECT count(*)::int FROM events AS e
            WHERE e.position > s.cursor AND e.position < ${position} AND e.name = ANY(${handled}::text[])) AS between
    FROM projection_state AS s WHERE s.name = ${name}`;
  expect(found).toEqual({ before: true, between: 0, status: 'halted' });
}

async function mend(sql: Sql, { event, mended }: Poison, position: bigint): Promise<void> {
  await sql`
    UPDATE events SET aggregate_id = ${mended.aggregateId ?? event.aggregateId},
                      payload = ${JSON.stringify(mended.payload ?? event.payload)}::text::jsonb
    WHERE position = ${position}`;
}

/** The same projection with handlers that do nothing for one event. */
function passingOver(eventId: string): (projection: Projection) => Projection {
  return (projection) => ({
    ...projection,
    handlers: new Map(
      [...projection.handlers].map(([name, handler]) => [
        name,
        (event, context) => (event.id === eventId ? [] : handler(event, context)),
      ]),
    ),
  });
}
