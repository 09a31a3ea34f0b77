import { expect, vi } from 'vitest';
import { createRandom, type Random } from '../../examples/dancefinder/history/random.ts';
import { generateHistory, type HistoryEvent } from '../../examples/dancefinder/history.ts';
import { projections } from '../../examples/dancefinder/projectionist.config.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import type { Failpoint } from '../../src/projector/failpoint.ts';
import { appendInBatches, take } from './appender.ts';
import { createTestDatabase } from './database.ts';
import { openStore } from './engine.ts';
import { type LostReply, startProxy, type TestProxy } from './proxy.ts';
import { checkReadModels } from './read-models.ts';
import { compileVictims, type Victim, type Victims } from './victims.ts';
import { checkWitnesses, onSnapshot, witnesses } from './witnesses.ts';

/**
 * Where a process is killed: at a failpoint of a page or a reset, or after the server's COMMIT and before its reply
 * reaches the daemon ('commit-reply' for a page, 'reset-reply' for a reset).
 */
export type KillPoint = Exclude<Failpoint, 'reset-committed'> | 'commit-reply' | 'reset-reply';

export interface KillRun {
  readonly kills: number;
  readonly seed: number;
  readonly eventsPerCycle: number;
}

/** The order of the points. Any thirteen kills in a row include each of them. */
const KILL_POINTS: readonly KillPoint[] = [
  'commit-reply',
  'rows-written',
  'committed',
  'commit-reply',
  'cursor-moved',
  'reset-reply',
  'reset-begun',
  'rows-written',
  'commit-reply',
  'reset-emptied',
  'cursor-moved',
  'locked',
  'reset-locked',
];

const all = [...projections, ...witnesses];

interface Scene {
  readonly sql: Sql;
  readonly url: string;
  readonly proxy: TestProxy;
  readonly victims: Victims;
  readonly random: Random;
}

/**
 * Kills daemons one after the other on the same database while events are appended and projections are reset. After each
 * kill it compares all rows with the events up to the stored position, on one snapshot.
 * @returns the number of kills at each point
 */
export async function runKills({ kills, seed, eventsPerCycle }: KillRun): Promise<Readonly<Record<KillPoint, number>>> {
  const hits: Record<KillPoint, number> = {
    locked: 0,
    'rows-written': 0,
    'cursor-moved': 0,
    committed: 0,
    'commit-reply': 0,
    'reset-reply': 0,
    'reset-locked': 0,
    'reset-begun': 0,
    'reset-emptied': 0,
  };
  await using database = await createTestDatabase();
  await using victims = await compileVictims();
  await using proxy = await startProxy(targetOf(database.url));
  const sql = await openStore(database, all);
  try {
    const random = createRandom(seed, 1);
    const scene: Scene = { sql, url: database.url, proxy, victims, random };
    const history = generateHistory({ seed, events: Number.POSITIVE_INFINITY });
    for (let turn = 0; turn < kills; turn++) {
      const point = KILL_POINTS[turn % KILL_POINTS.length] ?? 'locked';
      const events = take(history, eventsPerCycle);
      const killed = `kill ${turn} of seed ${seed}, at '${point}'`;
      expect(await killOnce(scene, point, events), killed).toMatchObject({ signal: 'SIGKILL', stderr: '' });
      hits[point] += 1;
      await untilNoSessions(sql);
      expect(await violations(sql), killed).toEqual([]);
    }
    await finish(scene);
  } finally {
    await sql.end();
  }
  return hits;
}

/** Runs one daemon: it catches up, gets more events and perhaps a reset, and is killed at the point. */
async function killOnce(scene: Scene, point: KillPoint, events: readonly HistoryEvent[]) {
  const { sql, url, proxy, victims, random } = scene;
  const half = Math.floor(events.length / 2);
  await appendInBatches(sql, events.slice(0, half), { size: 50 });
  const bulkLimit = random.pick([1, 3, 7, 20]);
  const ofReset = point.startsWith('reset-');
  const hit = ofReset ? 1 : 1 + random.below(12);
  const byProxy = point === 'commit-reply' || point === 'reset-reply';
  const through = new URL(url);
  if (byProxy) {
    through.hostname = '127.0.0.1';
    through.port = String(proxy.port);
  }
  let lost: LostReply | null = null;
  const victim = victims.start({ url: through.href, bulkLimit, killAt: byProxy ? null : { point, hit } });
  // A daemon that never reaches its point is a defect of the test, which its exit code shows.
  const overdue = setTimeout(() => victim.order({ kind: 'stop' }), 30_000);
  if (byProxy) {
    proxy.loseReply(ofReset ? 'reset' : 'page', hit, (reply) => {
      lost = reply;
      victim.kill();
    });
  }
  await victim.started;
  const appending = appendInBatches(sql, events.slice(half), { size: 1 + random.below(9) });
  if (ofReset || random.chance(0.5)) reset(victim, random.pick(all).name);
  const [end] = await Promise.all([victim.ended, appending]);
  clearTimeout(overdue);
  // This kill requires that the server has committed and that the reply was held back.
  if (byProxy) expect(lost, JSON.stringify(end)).toMatchObject({ tag: 'COMMIT', of: ofReset ? 'reset' : 'page' });
  return end;
}

function targetOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || 5432) };
}

function reset(victim: Victim, name: string): void {
  victim.order({ kind: 'reset', name });
}

/** Runs a last daemon until every event is applied, and stops it. */
async function finish({ sql, url, victims }: Scene): Promise<void> {
  const victim = victims.start({ url, bulkLimit: 50, killAt: null });
  await vi.waitFor(
    async () => {
      await retryBlamed(sql);
      const behind = await sql`
        SELECT name, cursor, (SELECT max(position) FROM events) AS last FROM projection_state
        WHERE cursor <> (SELECT max(position) FROM events)`;
      expect([...behind]).toEqual([]);
      expect([...(await sql`SELECT id FROM projection_commands WHERE state = 'pending'`)]).toEqual([]);
    },
    { timeout: 60_000, interval: 20 },
  );
  victim.order({ kind: 'stop' });
  expect(await victim.ended).toEqual({ code: 0, signal: null, stderr: '' });
  expect(await violations(sql)).toEqual([]);
  expect(await resets(sql)).toEqual([]);
}

/**
 * When two processes were killed in an attempt at the same event, the crash-loop guard halts the projection at that event.
 * As an operator would, this sends RETRY.
 */
async function retryBlamed(sql: Sql): Promise<void> {
  await sql`
    INSERT INTO projection_commands (name, event)
    SELECT s.name, 'RETRY' FROM projection_state AS s JOIN projection_failures AS f USING (name)
    WHERE s.status = 'halted' AND f.code = 'PROCESS_DIED'
      AND NOT EXISTS (SELECT FROM projection_commands AS c WHERE c.name = s.name AND c.state = 'pending')`;
}

/** Projections whose number of resets differs from the number of RESET commands. */
async function resets(sql: Sql): Promise<readonly object[]> {
  const differing = await sql`
    SELECT s.name, s.generation, count(c.id) FILTER (WHERE c.state = 'done') AS done, count(c.id) AS asked
    FROM projection_state AS s LEFT JOIN projection_commands AS c ON c.name = s.name AND c.event = 'RESET' GROUP BY s.name, s.generation
    HAVING s.generation <> count(c.id) OR count(c.id) FILTER (WHERE c.state = 'done') <> count(c.id)`;
  return [...differing];
}

/** The sessions of a killed process end a moment after it. A TRUNCATE of theirs would change the tables below the snapshot. */
async function untilNoSessions(sql: Sql): Promise<void> {
  await vi.waitFor(
    async () => {
      const sessions = await sql`
        SELECT application_name, state, query FROM pg_stat_activity
        WHERE datname = current_database() AND (application_name LIKE 'proj:%' OR application_name LIKE 'projectionist:%')`;
      expect([...sessions]).toEqual([]);
    },
    { timeout: 10_000, interval: 5 },
  );
}

async function violations(sql: Sql): Promise<readonly string[]> {
  return await onSnapshot(sql, async (tx) => [...(await checkWitnesses(tx)), ...(await checkReadModels(tx))]);
}
