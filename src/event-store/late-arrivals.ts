import type { Queryable, Sql } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';

type Fragment = Statement<readonly object[]>;

/** An event that appeared, or was changed, at a position that a used high-water mark had already passed. */
interface LateArrival {
  readonly position: bigint;
  readonly id: string;
  readonly name: string;
  /** The lowest high-water mark that it appeared below. */
  readonly head: bigint;
  /**
   * `changed`: an event stood at this position before, so its row was changed in place (a payload that was masked).
   * `unknown`: no poll has covered the position.
   */
  readonly kind: 'appeared' | 'changed' | 'unknown';
}

export interface Auditor {
  /**
   * Compares the store with what earlier calls remembered, then remembers `head` together with what can be seen now.
   * Call it right after `head` was read. A late arrival is returned once.
   */
  poll(head: bigint): Promise<readonly LateArrival[]>;
  /** After a lost connection: a crash takes back positions and transaction ids, which then come again. */
  forget(): void;
}

/** Number of polls that are remembered. */
const REMEMBERED = 10;
/** Number of positions below the lowest remembered mark that are read too: an event with an old allocation may appear there. */
const REACH = 10_000n;
/** Greatest number of positions below the newest remembered mark that are read, however many were appended between polls. */
const FURTHEST = 500_000n;
/** Positions that one statement reads. */
const SPAN = 50_000n;

interface Remembered {
  readonly head: bigint;
  readonly snapshot: string;
  /** The positions from `head - REACH` on that had an event then, as a multirange. */
  readonly present: string;
  /** Generations of the projections then: one that was reset since may have applied the event. */
  readonly generations: string;
}

/**
 * Finds late arrivals: events that appear at or below a high-water mark that was used. There are none as long as every
 * position is allocated inside an announced INSERT. A client may have allocated the position beforehand, inserted with a
 * position of its own, or written while the trigger was missing. Every projection whose cursor has passed such an event gets an alarm,
 * which a reset clears. An event that was changed in place raises no alarm: no row is missing, and a reset, in
 * which the projections apply the new payload, may be unwanted.
 *
 * An event is late when its xmin was not visible to the snapshot taken with that head. Not distinguished: a transaction id
 * taken for a savepoint before the snapshot (snapshots list top-level ids only).
 */
export function createAuditor(sql: Sql): Auditor {
  let remembered: readonly Remembered[] = [];
  let reported = new Map<string, bigint>();
  let generation = 0;

  async function poll(head: bigint): Promise<readonly LateArrival[]> {
    const began = generation;
    const before = remembered;
    const late = await findLate(sql, before);
    // forget() was called meanwhile: the comparison is of another history.
    if (began !== generation) return [];
    const fresh = late.filter(({ id, position }) => reported.get(id) !== position);
    for (const arrival of fresh) if (arrival.kind !== 'changed') await alarm(sql, arrival, before);
    const now = await remember(sql, head);
    if (began !== generation) return fresh;
    reported = new Map(late.map(({ id, position }) => [id, position]));
    remembered = [...before, now].slice(-REMEMBERED);
    return fresh;
  }

  return {
    poll,
    forget: () => {
      generation += 1;
      remembered = [];
      reported = new Map();
    },
  };
}

async function remember(sql: Sql, head: bigint): Promise<Remembered> {
  const [row] = await sql<[{ snapshot: string; present: string; generations: string }]>`
    SELECT pg_current_snapshot()::text AS snapshot,
           (SELECT coalesce(range_agg(int8range(position, position, '[]')), '{}') FROM events
            WHERE position > ${head - REACH} AND position <= ${head})::text AS present,
           (SELECT coalesce(jsonb_object_agg(name, generation), '{}') FROM projection_state
            WHERE instance_id = '')::text AS generations`;
  return { head, ...row };
}

/**
 * xmin has 32 bits, snapshots 64: the epoch is that of the next transaction id, or the one before when that would lie
 * in the future.
 */
export function fullXid(sql: Queryable, low: Fragment, next: Fragment): Fragment {
  return sql`(${next} & ~4294967295::bigint | ${low})
             - CASE WHEN (${next} & ~4294967295::bigint | ${low}) > ${next} THEN 4294967296 ELSE 0 END`;
}

/**
 * Ids below 3 are older than everything: the server's own, and rows frozen long ago. Each event is compared with the earliest
 * poll whose mark reached it, since an event that was visible then stays visible.
 */
async function findLate(sql: Sql, polls: readonly Remembered[]): Promise<readonly LateArrival[]> {
  const sorted = [...polls].sort((a, b) => (a.head < b.head ? -1 : a.head > b.head ? 1 : 0));
  const lowest = sorted[0];
  if (lowest === undefined) return [];
  const floors = [lowest.head - REACH, ...sorted.slice(0, -1).map(({ head }) => head)];
  const top = sorted.at(-1)?.head ?? lowest.head;
  const bottom = lowest.head - REACH > top - FURTHEST ? lowest.head - REACH : top - FURTHEST;
  const late: LateArrival[] = [];
  for (let from = bottom; from < top; from += SPAN) {
    const range = { after: from, upTo: from + SPAN < top ? from + SPAN : top };
    late.push(...(await findLateIn(sql, range, floors, sorted)));
  }
  return late;
}

/** `floors`: for each poll, the mark of the poll before it. */
async function findLateIn(
  sql: Sql,
  { after, upTo }: { readonly after: bigint; readonly upTo: bigint },
  floors: readonly bigint[],
  polls: readonly Remembered[],
): Promise<readonly LateArrival[]> {
  return await sql<LateArrival[]>`
    WITH looks AS (
      SELECT * FROM unnest(${floors.map(String)}::bigint[], ${polls.map(({ head }) => String(head))}::bigint[],
                           ${polls.map(({ snapshot }) => snapshot)}::text[]::pg_snapshot[],
                           ${polls.map(({ present }) => present)}::text[]::int8multirange[])
        AS l (floor, head, snapshot, present)
    ), next AS (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS id)
    SELECT e.position, e.id, e.name, l.head,
           CASE WHEN e.position <@ l.present THEN 'changed'
                WHEN e.position > l.head - ${REACH} THEN 'appeared' ELSE 'unknown' END AS kind
    FROM (SELECT position, id, name, xmin FROM events WHERE position > ${after} AND position <= ${upTo} OFFSET 0) AS e
    JOIN looks AS l ON e.position > l.floor AND e.position <= l.head CROSS JOIN next,
         LATERAL (SELECT e.xmin::text::bigint AS low) AS x
    WHERE x.low >= 3 AND NOT pg_visible_in_snapshot((${fullXid(sql, sql`x.low`, sql`next.id`)})::text::xid8, l.snapshot)
    ORDER BY e.position`;
}

/** Every projection that passed the position without the event: in the generation it had at a look the event is late for. */
async function alarm(sql: Sql, late: LateArrival, polls: readonly Remembered[]): Promise<void> {
  const passed = polls.filter(({ head }) => head >= late.head);
  const how = late.kind === 'appeared' ? 'appeared' : 'appeared, or was changed in place,';
  const text = `needs a reset: event ${late.id} (${late.name}) ${how} at position ${late.position} after the head had reached ${late.head}`;
  await sql`
    UPDATE projection_state AS s SET alarm = ${text}, updated_at = now()
    WHERE s.instance_id = '' AND s.cursor >= ${late.position} AND s.alarm IS NULL
      AND EXISTS (SELECT FROM unnest(${passed.map(({ generations }) => generations)}::text[]::jsonb[]) AS l (generations)
                  WHERE (l.generations ->> s.name)::bigint = s.generation)`;
}
