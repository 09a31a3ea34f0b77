import { setTimeout as pause } from 'node:timers/promises';
import type { PendingCommand } from '../core/command.ts';
import { describeError } from '../core/describe-error.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import type { StoredStatus } from '../core/status.ts';
import { claimsOf } from '../core/table-owners.ts';
import { readIds, readReplaced, recordIds } from '../event-store/table-ids.ts';
import { isConnectionLost, isLockNotAvailable, sqlstateOf } from '../postgres/errors.ts';
import { describeLockHolders } from '../postgres/lock-holders.ts';
import type { Sql, Tx } from '../postgres/pool.ts';
import type { ResetPoint } from '../projector/failpoint.ts';
import { reachedTables } from '../read-model/foreign-keys.ts';
import { firstFilled, lockClaims, objections } from '../state/claims.ts';
import { CommandEnded, checkGeneration, commandDone, lockCommand } from '../state/commands.ts';
import { refuseReplaced } from '../state/refusal.ts';
import { startOver } from '../state/start-over.ts';
import { emptyTables } from './empty-tables.ts';
import { planReset, type ResetPlan } from './reset-plan.ts';

const ASK_AGAIN_MS = 250;

export interface ResetOptions {
  readonly projection: Projection;
  /** Every projection of this daemon: those whose tables reference this one's are reset with it. */
  readonly projections: readonly Projection[];
  readonly owner: string;
  /** Milliseconds that the reset waits for each lock. Every later reader queues behind a longer wait. Default 5000. */
  readonly lockTimeoutMs?: number;
  /** Milliseconds that the whole reset may take. Its session is terminated then. Default 20000. */
  readonly deadlineMs?: number;
  /** Milliseconds for which the reset asks whether its COMMIT took place, after a lost connection. Default 10000. */
  readonly askForMs?: number;
  /** The command that ends in the same transaction. Default none. */
  readonly command?: PendingCommand | null;
  readonly failpoint?: ((point: ResetPoint, name: string) => Promise<void> | void) | undefined;
}

export interface ResetDone {
  /** The generation after the reset. */
  readonly generation: bigint;
  readonly status: StoredStatus;
  /** The other projections that were reset with it and why, and the sequences that were not restarted; null for none. */
  readonly warning: string | null;
}

/** What is known of a reset outside of its transaction, to explain how that ended when it fails. */
interface ResetProgress {
  plan: ResetPlan | null;
  done: ResetDone | null;
  /** The id of its transaction. */
  xid: string;
  overdue: boolean;
}

/**
 * Empties a projection's tables and sets its cursor to 0 in one short transaction: either nothing has changed, or the next
 * page starts from the first event. The generation increases, so a page planned before the reset can never commit after it.
 * Halt, failures and alarm are cleared; a pause stays.
 *
 * TRUNCATE names every table and never cascades. Projections whose tables reference these by a foreign key are reset in
 * the same transaction.
 * @throws EngineError RESET_BLOCKED, RESET_REFUSED, RESET_FAILED, TABLE_MISSING, PROJECTION_ROW_MISSING, COMMAND_STALE,
 *   TABLE_SHARED, TABLE_RESERVED, TABLE_UNFIT, TABLE_REPLACED; CommandEnded: nothing has changed then
 * @throws EngineError RESET_DAMAGED: the projections are halted; RESET_UNKNOWN: the database did not say whether it committed
 */
export async function reset(sql: Sql, options: ResetOptions): Promise<ResetDone> {
  const { deadlineMs = 20_000 } = options;
  const progress: ResetProgress = { plan: null, done: null, xid: '', overdue: false };
  try {
    return await sql.begin('ISOLATION LEVEL READ COMMITTED', async (tx) => {
      const { pid, xid } = await limitTransaction(tx, options, deadlineMs);
      // A handler may wait for anything and continue later. Once its session is terminated it can write nothing more.
      let termination: Promise<unknown> = Promise.resolve();
      const timer = setTimeout(() => {
        progress.overdue = true;
        termination = sql`SELECT pg_terminate_backend(${pid})`.catch(() => undefined);
      }, deadlineMs);
      try {
        return await resetIn(tx, xid, options, progress);
      } finally {
        clearTimeout(timer);
        // The pool may give this session to another transaction after this, which must not be terminated.
        await termination;
      }
    });
  } catch (error) {
    return await explain(sql, error, options, progress);
  }
}

/**
 * Sets the limits for this transaction only, so that they also hold behind a connection pooler. The last one ends the
 * transaction of a daemon that has died.
 */
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

async function resetIn(tx: Tx, xid: string, options: ResetOptions, progress: ResetProgress): Promise<ResetDone> {
  const { projection, projections, owner, command = null, failpoint } = options;
  const { name } = projection;
  const plan = planReset(name, projections, await reachedTables(tx, name, projections));
  progress.plan = plan;
  progress.xid = xid;
  const names = plan.projections.map((one) => one.name);
  // The claims are locked before the rows, in the same order as in a registration: the other order would deadlock.
  await lockClaims(tx, (await refusedOf(tx, names)).size > 0 ? 'exclusive' : 'shared');
  // Every reset locks the rows in the same order, so two resets that share a projection cannot deadlock.
  const rows = await tx<{ name: string; generation: bigint }[]>`
    SELECT name, generation FROM projection_state
    WHERE name = ANY(${names}::text[]) AND instance_id = '' ORDER BY name FOR UPDATE`;
  const missing = names.find((one) => rows.every((row) => row.name !== one));
  if (missing !== undefined) throw new EngineError('PROJECTION_ROW_MISSING', { name: missing });
  const truncated = plan.projections.filter((one) => one.reset === null).flatMap(({ tables }) => [...tables.keys()]);
  const ids = await readIds(tx, truncated);
  await checkClaims(tx, name, plan);
  // Before anything is emptied: a command that another daemon has carried out must empty nothing.
  if (command !== null) {
    for (const row of rows) if (row.name === name) checkGeneration(command, row.generation);
    await lockCommand(tx, command.id);
  }
  await failpoint?.('reset-locked', name);
  const own = (await startOver(tx, plan.projections, owner)).find((one) => one.name === name);
  if (own === undefined) throw new EngineError('PROJECTION_ROW_MISSING', { name });
  const { generation, status } = own;
  progress.done = { generation, status, warning: null };
  await failpoint?.('reset-begun', name);
  const notRestarted = await emptyTables(tx, name, plan, xid);
  progress.done = { generation, status, warning: warningOf(plan.also, notRestarted) };
  // TRUNCATE holds the table under its name until COMMIT, so equal ids mean that the checked table is the emptied one. The
  // tables of a reset handler are not compared, since a handler may recreate its tables.
  const idsNow = await readIds(tx, truncated);
  const replaced = truncated.find((table) => idsNow.get(table) !== ids.get(table));
  if (replaced !== undefined)
    throw new EngineError('RESET_REFUSED', { name, reason: `${replaced} was recreated meanwhile: try again` });
  await recordIds(tx, names);
  // Last: a handler that commits the transaction itself must not commit the end of the command.
  if (command !== null) await commandDone(tx, command.id, { by: owner, warning: progress.done.warning });
  await failpoint?.('reset-emptied', name);
  return progress.done;
}

function warningOf(also: ResetPlan['also'], notRestarted: readonly string[]): string | null {
  const parts = also.map(({ name, because }) => `'${name}' was reset with it, since ${because}`);
  if (notRestarted.length > 0) {
    const [sequences, belong] = [notRestarted.join(', '), notRestarted.length === 1 ? 'belongs' : 'belong'];
    parts.push(
      `${sequences} did not start again, since it ${belong} to another role, so rows get other numbers than before`,
    );
  }
  return parts.length === 0 ? null : parts.join('; ');
}

/** The refused ones of these projections, each with the reason. */
async function refusedOf(tx: Tx, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await tx<{ name: string; refused: string }[]>`
    SELECT name, refused FROM projection_state
    WHERE name = ANY(${[...names]}::text[]) AND instance_id = '' AND refused IS NOT NULL`;
  return new Map(rows.map(({ name, refused }) => [name, refused]));
}

/**
 * Checks that the tables to empty belong to these projections alone. The tables of a refused projection are checked again,
 * but rows in them are no objection, since the operator has asked to delete them. The rows of another refused projection
 * must stay, so its reset is refused.
 * @throws EngineError TABLE_SHARED, TABLE_RESERVED, TABLE_UNFIT, TABLE_REPLACED, RESET_REFUSED
 */
async function checkClaims(tx: Tx, name: string, plan: ResetPlan): Promise<void> {
  const refused = await refusedOf(tx, namesOf(plan.projections));
  for (const [other, reason] of refused) {
    if (other !== name)
      throw new EngineError('RESET_REFUSED', {
        name,
        reason: `it would empty the tables of '${other}' too: ${reason}`,
      });
  }
  const replaced = (await readReplaced(tx, namesOf(plan.projections))).filter((one) => !one.refused);
  // A replaced table without rows loses nothing. The rows of a filled one are not this projection's: refuse it first.
  const foreign = await firstFilled(
    tx,
    claimsOf(plan.projections).filter((claim) =>
      replaced.some((one) => one.name === claim.name && one.table === claim.table),
    ),
  );
  if (foreign !== null) throw new EngineError('TABLE_REPLACED', { name: foreign.name, table: foreign.table });
  const against = await objections(tx, claimsOf(plan.projections), { filled: false });
  for (const [one, error] of against) {
    // A table that was registered with another key than the declared one still belongs to its projection.
    if (error.code !== 'TABLE_UNFIT' || refused.has(one)) throw error;
  }
}

function namesOf(projections: readonly Projection[]): readonly string[] {
  return projections.map((one) => one.name);
}

/**
 * Finds out how a reset ended whose transaction failed.
 * @returns the result when its COMMIT took place after all
 * @throws EngineError with the reason otherwise
 */
async function explain(sql: Sql, error: unknown, options: ResetOptions, progress: ResetProgress): Promise<ResetDone> {
  const { projection, deadlineMs = 20_000, lockTimeoutMs = 5000, askForMs = 10_000 } = options;
  const { name } = projection;
  const { plan, done, xid, overdue } = progress;
  if (isEngineError(error, 'RESET_DAMAGED') && plan !== null) await haltForLostIntegrity(sql, plan, error);
  // The projection (this one, or one whose tables reference its own) is shown as refused from now on, so that the next RESET
  // of it is the operator's consent to delete the rows.
  if (isEngineError(error, 'TABLE_REPLACED')) await refuseReplaced(sql, error);
  if (error instanceof CommandEnded) throw error;
  if (error instanceof EngineError && !error.code.startsWith('HANDLER_')) throw error;
  if (isLockNotAvailable(error)) {
    const names = plan?.projections.map((one) => one.name) ?? [name];
    const holders = await describeLockHolders(sql, plan?.tables ?? [], names).catch(() => 'its holders cannot be read');
    throw new EngineError('RESET_BLOCKED', { name, seconds: lockTimeoutMs / 1000, holders }, { cause: error });
  }
  // The connection may have been lost in the COMMIT.
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
  if (sqlstateOf(error) === '25P02') return 'its reset handler continued after an SQL error, which has to be thrown';
  return describeError(error);
}

/** Retries until `end`: a server that was lost may answer again in a moment. @returns null when it does not */
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
 * Whether the reset was committed. Waits for a session that may still be in its COMMIT: it holds the row until then. The
 * generation alone does not show it: another reset may have set it after this one was rolled back. The row of the command,
 * or else the id of the transaction, does.
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
 * Halts every projection of the reset: a handler committed the transaction or wrote outside of it, in any of their tables,
 * and no retry can find out what. The generation increases, so that their workers notice. Earlier failures are deleted,
 * since they are not the reason for this halt.
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
