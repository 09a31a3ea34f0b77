import { setTimeout as pause } from 'node:timers/promises';
import type { PendingCommand } from '../core/command.ts';
import { describeError } from '../core/describe-error.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import type { StoredStatus } from '../core/status.ts';
import { readOids, readReplaced, recordOids } from '../event-store/table-oids.ts';
import { isConnectionLost, isLockNotAvailable, sqlstateOf } from '../postgres/errors.ts';
import { describeLockHolders } from '../postgres/lock-holders.ts';
import type { Sql, Tx } from '../postgres/pool.ts';
import type { ResetPoint } from '../projector/failpoint.ts';
import { reachedTables } from '../read-model/foreign-keys.ts';
import { claimsOf, firstFilled, lockClaims, objections } from '../state/claims.ts';
import { CommandEnded, checkGeneration, commandDone, lockCommand } from '../state/commands.ts';
import { refuseReplaced } from '../state/refusal.ts';
import { startOver } from '../state/start-over.ts';
import { emptyTables } from './empty-tables.ts';
import { planReset, type ResetPlan } from './reset-plan.ts';

const ASK_AGAIN_MS = 250;

export interface ResetOptions {
  readonly projection: Projection;
  /** All of this daemon: those whose tables reference this one's are reset with it. */
  readonly projections: readonly Projection[];
  readonly owner: string;
  /** Milliseconds that each lock is waited for. Longer would queue every later reader behind it. Default 5000. */
  readonly lockTimeoutMs?: number;
  /** Milliseconds the whole reset may take; then its session is ended. Default 20000. */
  readonly deadlineMs?: number;
  /** Milliseconds for which the database is asked, when the connection is lost in COMMIT, whether it took place. Default 10000. */
  readonly askForMs?: number;
  /** Ends with the reset, in the same transaction. Default none. */
  readonly command?: PendingCommand | null;
  readonly failpoint?: ((point: ResetPoint, name: string) => Promise<void> | void) | undefined;
}

export interface ResetDone {
  /** The new one. */
  readonly generation: bigint;
  readonly status: StoredStatus;
  /** Which other projections were reset with it, and why; null for none. */
  readonly warning: string | null;
}

/** What is known of a reset from outside of its transaction, for when that ends badly. */
interface UnderWay {
  plan: ResetPlan | null;
  done: ResetDone | null;
  /** Of its transaction. */
  xid: string;
  overdue: boolean;
}

/**
 * Empties a projection's tables and puts it back to 0, all in one short transaction: either everything is as before, or
 * the next page starts from the first event. The generation counts up, so a page planned before the reset can never
 * commit after it. Halt, failures and alarm are cleared; a pause stays.
 *
 * TRUNCATE names every table and never cascades. Projections whose tables reference these by a foreign key are reset in
 * the same transaction.
 * @throws EngineError RESET_BLOCKED, RESET_REFUSED, RESET_FAILED, TABLE_MISSING, PROJECTION_ROW_MISSING, COMMAND_STALE,
 *   TABLE_SHARED, TABLE_RESERVED, TABLE_UNFIT, TABLE_REPLACED: nothing has changed then; RESET_DAMAGED; RESET_UNKNOWN; CommandEnded: nor then
 */
export async function reset(sql: Sql, options: ResetOptions): Promise<ResetDone> {
  const { deadlineMs = 20_000 } = options;
  const underWay: UnderWay = { plan: null, done: null, xid: '', overdue: false };
  try {
    return await sql.begin('ISOLATION LEVEL READ COMMITTED', async (tx) => {
      const { pid, xid } = await limitTransaction(tx, options, deadlineMs);
      // A handler may wait for anything and then go on: with its session gone, nothing it does can reach the database.
      let ending: Promise<unknown> = Promise.resolve();
      const timer = setTimeout(() => {
        underWay.overdue = true;
        ending = sql`SELECT pg_terminate_backend(${pid})`.catch(() => undefined);
      }, deadlineMs);
      try {
        return await resetIn(tx, xid, options, underWay);
      } finally {
        clearTimeout(timer);
        // Before the session can be somebody else's.
        await ending;
      }
    });
  } catch (error) {
    return await explain(sql, error, options, underWay);
  }
}

/** For this transaction only: they hold behind a pooler too. The last one is for a daemon that does not run any more. */
async function limitTransaction(tx: Tx, options: ResetOptions, deadlineMs: number) {
  const { projection, owner, lockTimeoutMs = 5000 } = options;
  const [row] = await tx<[{ pid: number; xid: string }]>`
    SELECT pg_backend_pid() AS pid, pg_current_xact_id()::text AS xid,
           set_config('application_name', ${`proj:${owner}:${projection.name}`.slice(0, 63)}, true),
           set_config('lock_timeout', ${String(lockTimeoutMs)}, true),
           set_config('statement_timeout', ${String(deadlineMs)}, true),
           set_config('idle_in_transaction_session_timeout', ${String(deadlineMs + 5000)}, true)`;
  return row;
}

async function resetIn(tx: Tx, xid: string, options: ResetOptions, underWay: UnderWay): Promise<ResetDone> {
  const { projection, projections, owner, command = null, failpoint } = options;
  const { name } = projection;
  const plan = planReset(name, projections, await reachedTables(tx, name, projections));
  underWay.plan = plan;
  underWay.xid = xid;
  const names = plan.projections.map((one) => one.name);
  // Before the rows, as a registration does.
  await lockClaims(tx, (await refusedOf(tx, names)).size > 0 ? 'exclusive' : 'shared');
  // In one order by all: two resets that share a projection wait for each other, and never both.
  const rows = await tx<{ name: string; generation: bigint }[]>`
    SELECT name, generation FROM projection_state
    WHERE name = ANY(${names}::text[]) AND instance_id = '' ORDER BY name FOR UPDATE`;
  const missing = names.find((one) => rows.every((row) => row.name !== one));
  if (missing !== undefined) throw new EngineError('PROJECTION_ROW_MISSING', { name: missing });
  const truncated = plan.projections.filter((one) => one.reset === null).flatMap(({ tables }) => [...tables.keys()]);
  const oids = await readOids(tx, truncated);
  await checkClaims(tx, name, plan, projections);
  // Before anything is emptied: a command that somebody else has carried out empties nothing.
  if (command !== null) {
    for (const row of rows) if (row.name === name) checkGeneration(command, row.generation);
    await lockCommand(tx, command.id);
  }
  await failpoint?.('reset-locked', name);
  const own = (await startOver(tx, plan.projections, owner)).find((one) => one.name === name);
  if (own === undefined) throw new EngineError('PROJECTION_ROW_MISSING', { name });
  const { generation, status } = own;
  underWay.done = { generation, status, warning: null };
  await failpoint?.('reset-begun', name);
  const goOn = await emptyTables(tx, name, plan, xid);
  underWay.done = { generation, status, warning: warningOf(plan.also, goOn) };
  // What was truncated keeps its name until COMMIT, so this is what it was when it was proved. A reset handler may make its tables anew.
  const now = await readOids(tx, truncated);
  const swapped = truncated.find((table) => now.get(table) !== oids.get(table));
  if (swapped !== undefined)
    throw new EngineError('RESET_REFUSED', { name, reason: `${swapped} was made anew meanwhile: try again` });
  await recordOids(tx, names);
  // Last: a handler that commits the transaction itself must not commit this.
  if (command !== null) await commandDone(tx, command.id, { by: owner, warning: underWay.done.warning });
  await failpoint?.('reset-emptied', name);
  return underWay.done;
}

function warningOf(also: ResetPlan['also'], goOn: readonly string[]): string | null {
  const parts = also.map(({ name, because }) => `'${name}' was reset with it, since ${because}`);
  if (goOn.length > 0) {
    const [sequences, belong] = [goOn.join(', '), goOn.length === 1 ? 'belongs' : 'belong'];
    parts.push(
      `${sequences} did not start again, since it ${belong} to another role, so rows get other numbers than before`,
    );
  }
  return parts.length === 0 ? null : parts.join('; ');
}

/** Those of these projections that are refused, and why. */
async function refusedOf(tx: Tx, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await tx<{ name: string; refused: string }[]>`
    SELECT name, refused FROM projection_state
    WHERE name = ANY(${[...names]}::text[]) AND instance_id = '' AND refused IS NOT NULL`;
  return new Map(rows.map(({ name, refused }) => [name, refused]));
}

/**
 * What is emptied belongs to these projections alone. The tables of a refused one are proved once more, except for their
 * rows, which the operator has asked to delete; that is no reason to delete those of another refused one.
 * @throws EngineError TABLE_SHARED, TABLE_RESERVED, TABLE_UNFIT, TABLE_REPLACED, RESET_REFUSED
 */
async function checkClaims(tx: Tx, name: string, plan: ResetPlan, known: readonly Projection[]): Promise<void> {
  const refused = await refusedOf(tx, namesOf(plan.projections));
  for (const [other, reason] of refused) {
    if (other !== name)
      throw new EngineError('RESET_REFUSED', {
        name,
        reason: `it would empty the tables of '${other}' too: ${reason}`,
      });
  }
  const unseen = (await readReplaced(tx, namesOf(plan.projections))).filter((one) => !one.refused);
  // An empty one has nothing to lose. Of one with rows the refusal is shown first: they are not this projection's.
  const foreign = await firstFilled(
    tx,
    claimsOf(plan.projections).filter((claim) =>
      unseen.some((one) => one.name === claim.name && one.table === claim.table),
    ),
  );
  if (foreign !== null) throw new EngineError('TABLE_REPLACED', { name: foreign.name, table: foreign.table });
  const against = await objections(tx, claimsOf(plan.projections), { filled: false, here: namesOf(known) });
  for (const [one, error] of against) {
    // A table that was registered with another key than the declared one stays its projection's.
    if (error.code !== 'TABLE_UNFIT' || refused.has(one)) throw error;
  }
}

function namesOf(projections: readonly Projection[]): readonly string[] {
  return projections.map((one) => one.name);
}

/** Why it failed, in words somebody can act on; or that it took place all the same. */
async function explain(sql: Sql, error: unknown, options: ResetOptions, underWay: UnderWay): Promise<ResetDone> {
  const { projection, deadlineMs = 20_000, lockTimeoutMs = 5000, askForMs = 10_000 } = options;
  const { name } = projection;
  const { plan, done, xid, overdue } = underWay;
  if (isEngineError(error, 'RESET_DAMAGED') && plan !== null) await haltForLostIntegrity(sql, plan, error);
  // Of this projection, or of one whose tables reference its own: from now on it is shown, and a RESET of it deletes the rows.
  if (isEngineError(error, 'TABLE_REPLACED')) await refuseReplaced(sql, error);
  if (error instanceof CommandEnded) throw error;
  if (error instanceof EngineError && !error.code.startsWith('HANDLER_')) throw error;
  if (isLockNotAvailable(error)) {
    const names = plan?.projections.map((one) => one.name) ?? [name];
    const holders = await describeLockHolders(sql, plan?.tables ?? [], names).catch(
      () => 'who holds it cannot be seen',
    );
    throw new EngineError('RESET_BLOCKED', { name, seconds: lockTimeoutMs / 1000, holders }, { cause: error });
  }
  // It may have been in its COMMIT.
  if ((overdue || isConnectionLost(error)) && done !== null) {
    const { generation } = done;
    const committed = await askUntil(performance.now() + askForMs, () => hasCommitted(sql, options, generation, xid));
    if (committed === null) throw new EngineError('RESET_UNKNOWN', { name, generation }, { cause: error });
    if (committed) return done;
  }
  throw new EngineError('RESET_FAILED', { name, reason: reasonOf(error, overdue, deadlineMs) }, { cause: error });
}

function reasonOf(error: unknown, overdue: boolean, deadlineMs: number): string {
  if (overdue || sqlstateOf(error) === '57014') return `it had not ended after ${deadlineMs / 1000} s`;
  if (sqlstateOf(error) === '25P02') return 'its reset handler went on after an SQL error, which has to be thrown';
  return describeError(error);
}

/** A server that was lost may be back in a moment. @returns null when it is not */
async function askUntil<T>(end: number, ask: () => Promise<T>): Promise<T | null> {
  for (;;) {
    try {
      return await ask();
    } catch {
      if (performance.now() >= end) return null;
      await pause(ASK_AGAIN_MS);
    }
  }
}

/**
 * Waits for a session that may still be in its COMMIT: it holds the row until then. The generation alone says nothing:
 * it may be that of another reset, after this one was rolled back. The command, or the transaction's own id, says which.
 */
async function hasCommitted(
  sql: Sql,
  { projection, command = null, owner }: ResetOptions,
  generation: bigint,
  xid: string,
): Promise<boolean> {
  return await sql.begin(async (tx) => {
    await tx`SELECT set_config('lock_timeout', '5s', true)`;
    const [row] = await tx<{ generation: bigint }[]>`
      SELECT generation FROM projection_state WHERE name = ${projection.name} AND instance_id = '' FOR SHARE`;
    if (row === undefined || row.generation < generation) return false;
    const [own] =
      command === null
        ? await tx<{ committed: boolean }[]>`SELECT pg_xact_status(${xid}::text::xid8) = 'committed' AS committed`
        : await tx<{ committed: boolean }[]>`
            SELECT state = 'done' AND carried_out_by = ${owner} AS committed FROM projection_commands WHERE id = ${command.id}`;
    return own?.committed === true;
  });
}

/**
 * What a handler committed or did outside of the transaction stands, for whichever of these projections, and nothing that
 * is run again can tell. The generation counts up, so that their workers notice. What halted them before is not what
 * halts them now.
 */
async function haltForLostIntegrity(sql: Sql, { projections }: ResetPlan, { message }: EngineError): Promise<void> {
  await sql`
    WITH damaged AS (
      UPDATE projection_state SET status = 'halted', alarm = ${message}, generation = generation + 1, updated_at = now()
      WHERE name = ANY(${projections.map((one) => one.name)}::text[]) AND instance_id = '' RETURNING name
    )
    DELETE FROM projection_failures AS f USING damaged
    WHERE f.name = damaged.name AND f.instance_id = '' AND f.skipped_at IS NULL`;
}
