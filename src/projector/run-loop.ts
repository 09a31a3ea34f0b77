import { setTimeout as pause } from 'node:timers/promises';
import { type ErrorCode, isEngineError } from '../core/errors.ts';
import type { RunMode, RunOutcome } from '../core/port.ts';
import type { InOrder } from '../core/status.ts';
import type { Page } from '../event-store/read.ts';
import { isConnectionLost } from '../postgres/errors.ts';
import { refuseReplaced } from '../state/refusal.ts';
import { applyPage } from './apply-page.ts';
import { Checkpoint } from './checkpoint.ts';
import { failedRun, logFailure, logTooSlow } from './failure-text.ts';
import { loadCheckpoint, type StoredCheckpoint } from './load-checkpoint.ts';
import { PageBudget } from './page-budget.ts';
import type { PageMode, PageOutcome } from './page-outcome.ts';
import { applyInTurn, QueuedTask } from './page-queue.ts';
import { PageReader } from './page-reader.ts';
import { PageLimit } from './page-size.ts';
import { HaltGate } from './pending-halt.ts';
import type { ProjectionRunnerOptions, Step } from './run-loop-options.ts';

/** Milliseconds until a row that another transaction had locked is tried once more. */
const LOCK_RETRY_MS = 10;
/** A repetition does not help against these: an operator has to act. */
const UNFIT = new Set<ErrorCode>(['PROJECTION_REFUSED', 'TABLE_REPLACED', 'HISTORY_AHEAD', 'HISTORY_DIVERGED']);
const HALTED = { kind: 'halted', detail: 'halted before an event that failed' } as const;

/**
 * The loop of one projection: it reads a page and applies it, while the next page is read. Moves over events that the
 * projection does not handle are stored later, by the checkpoint flush of the daemon.
 */
export class ProjectionRunner {
  readonly checkpoint = new Checkpoint();
  readonly halts: HaltGate;
  readonly #options: ProjectionRunnerOptions;
  #replayUntil = 0n;
  readonly #limit: PageLimit;
  readonly #pages: PageReader;
  /** Whether a run is under way. */
  #running = false;
  /** Whether the last run has ended at the high-water mark. */
  #caughtUp = false;
  /** The tables that cannot be folded by their definitions, with the reasons. */
  #unfoldable: readonly InOrder[] = [];
  /** Why the last page that was large enough was not folded; null if it was. */
  #inOrder: InOrder | null = null;
  #historyCode: ErrorCode | null = null;
  #lockedBefore = false;
  #waitsForAnother = false;

  constructor(options: ProjectionRunnerOptions) {
    this.#options = options;
    this.#limit = new PageLimit(options.pageSize);
    this.halts = new HaltGate(options);
    const {
      reader,
      readTurns: turns,
      highWaterMark,
      budget = new PageBudget(),
      progress,
      now,
      crashLoopGuard,
    } = options;
    const [names, limit] = [new Set(options.projection.handlers.keys()), this.#limit];
    const alone = () => crashLoopGuard?.on === true;
    const { events } = options.settings;
    this.#pages = new PageReader({ events, reader, turns, highWaterMark, names, limit, budget, alone, progress, now });
  }

  /** Whether the read of the next page waits until pages of other projections have left the memory budget. */
  get waitsForRoom(): boolean {
    return this.#pages.waitsForRoom;
  }

  /** Whether the last run ended before an event that waits until the stored cursor of another projection has passed it. */
  get waitsForAnother(): boolean {
    return this.#waitsForAnother;
  }

  /** The error that halted the last run and is no failure of an event: history or ownership. It is stored in no row. */
  get historyCode(): ErrorCode | null {
    return this.#historyCode;
  }

  /** Why events are applied one by one: tables that cannot be folded, and the reason of the last larger page. */
  get inOrder(): readonly InOrder[] {
    const tables = this.#unfoldable.filter(({ table }) => table !== this.#inOrder?.table);
    return this.#inOrder === null ? tables : [...tables, this.#inOrder];
  }

  /**
   * The effect of a wakeup now. `needed`: a run is under way and has to poll again, or the row has to be loaded again.
   * `resting`: only events that the projection handles need a run. `useless`: the projection waits for something else, and
   * polls without a wakeup after that.
   */
  get wakeup(): 'needed' | 'resting' | 'useless' {
    if (this.#running) return 'needed';
    if (!this.#caughtUp) return 'useless';
    return this.checkpoint.stored === null || this.#isStale() ? 'needed' : 'resting';
  }

  /** Drops the loaded row and the page that was read ahead. */
  invalidate(): void {
    this.checkpoint.invalidate();
    this.#caughtUp = false;
    this.#pages.invalidate();
  }

  async run(mode: RunMode, signal: AbortSignal): Promise<RunOutcome> {
    const { progress } = this.#options;
    progress.running();
    if (mode === 'attempt') progress.pages.retried();
    this.#running = true;
    this.#caughtUp = false;
    try {
      const outcome = await this.#loop(mode, signal);
      this.#caughtUp = outcome.kind === 'caught-up';
      this.#waitsForAnother = outcome.kind === 'waiting';
      return outcome;
    } catch (error) {
      this.invalidate();
      if (signal.aborted && error === signal.reason) return { kind: 'stopped' };
      if (isConnectionLost(error) || isEngineError(error, 'EVENTS_TAKEN_BACK'))
        this.#options.highWaterMark.invalidate();
      // The refusal is stored, since a RESET empties such a table only after status has shown it.
      if (isEngineError(error, 'TABLE_REPLACED')) await refuseReplaced(this.#options.settings.sql, error);
      if (isEngineError(error) && UNFIT.has(error.code)) {
        this.#historyCode = error.code;
        return { kind: 'failed', halted: true, detail: error.message };
      }
      throw error;
    } finally {
      this.#running = false;
      progress.idle();
    }
  }

  async #loop(mode: RunMode, signal: AbortSignal): Promise<RunOutcome> {
    const { now, progress } = this.#options;
    this.#lockedBefore = false;
    for (;;) {
      if (signal.aborted) return { kind: 'stopped' };
      const halted = await this.halts.pass();
      if (halted !== null) {
        this.invalidate();
        return halted;
      }
      if (this.#isStale()) this.invalidate();
      const before = this.checkpoint.generation;
      const stored = this.checkpoint.stored ?? (await this.#load(signal));
      // Another daemon has reset the projection: the whole history has to be applied, which is a catch-up.
      if (mode === 'live' && stored.generation !== before) return { kind: 'behind' };
      // An uncaught error of a handler may halt the row long after its page; without new events no page would find that.
      if (stored.status === 'halted' && mode !== 'attempt') {
        this.invalidate();
        return HALTED;
      }
      // An attempt always goes on: it has to clear the halt, also if there is no event left to apply.
      if (mode !== 'attempt' && (await this.#nothingNew(mode))) {
        if (this.#isStale()) continue;
        if (mode === 'catch-up') progress.latency.wentLive();
        return { kind: 'caught-up' };
      }
      const began = now();
      const held = await this.#pages.next(this.checkpoint.readPosition, mode === 'live', signal);
      try {
        const end = await this.#work(held.page, stored, { mode, began, more: held.more, signal });
        if (end !== null) return end;
      } finally {
        held.release();
      }
    }
  }

  /** @returns the end of the run; null: the run goes on */
  async #work(page: Page, stored: StoredCheckpoint, { mode, began, more, signal }: Step): Promise<RunOutcome | null> {
    const { log, progress, projection, settings } = this.#options;
    if (this.#isStale()) return null;
    if (page.events.length === 0 && mode !== 'attempt') {
      this.checkpoint.passOver(page);
      this.#options.onScanned?.();
      progress.passed(page.to);
      return null;
    }
    const outcome = await this.#apply(page, stored, mode, signal);
    if (outcome.kind !== 'applied') this.invalidate();
    switch (outcome.kind) {
      case 'moved':
        return null;
      case 'must halt':
        this.halts.close(outcome.halt);
        return null;
      case 'applied':
        this.checkpoint.applied(
          { ...stored, cursor: outcome.cursor, status: 'running', catalog: outcome.catalog ?? stored.catalog },
          page.newest,
        );
        this.#options.onScanned?.();
        if (outcome.inOrder !== undefined) this.#inOrder = outcome.inOrder;
        await settings.failpoint?.('committed', projection.name);
        this.#measure(page, { mode, began, more }, outcome.mode);
        return mode === 'attempt' || (mode === 'live' && page.full) ? { kind: 'behind' } : null;
      case 'failed':
        progress.pages.cut(page.events, outcome);
        logFailure(log, projection.name, outcome);
        if (outcome.verdict === 'skip') return mode === 'attempt' ? { kind: 'behind' } : null;
        return failedRun(outcome);
      case 'waiting':
        progress.pages.cut(page.events, outcome);
        return { kind: 'waiting', detail: outcome.detail };
      case 'halted':
        return HALTED;
      case 'too slow':
        logTooSlow(log, projection.name, page.events.length, this.#limit.tooSlow(page.events.length));
        return null;
      case 'locked-by-other':
        if (this.#lockedBefore) return { kind: 'locked-by-other' };
        // The first time it may be the checkpoint flush of this daemon, which is short; a page of another daemon takes longer.
        this.#lockedBefore = true;
        await pause(LOCK_RETRY_MS, undefined, { signal }).catch(() => undefined);
        return null;
      case 'stopped':
      case 'paused':
        return outcome;
    }
  }

  async #apply(page: Page, stored: StoredCheckpoint, mode: RunMode, signal: AbortSignal): Promise<PageOutcome> {
    const { settings, projection, crashLoopGuard, progress } = this.#options;
    const { newestTime: newest, readId: afterId } = this.checkpoint;
    const work = {
      projection,
      page,
      ...stored,
      newest,
      afterId,
      replayUntil: this.#replayUntil,
      attempt: mode === 'attempt',
      progress,
    };
    const apply = () => applyPage(settings, work);
    const queue = { turns: settings.turns, locks: settings.locks, name: projection.name, progress, signal };
    const [event] = page.events;
    if (!crashLoopGuard?.on || event === undefined) return await applyInTurn({ ...queue, guarded: false }, apply);
    return await applyInTurn({ ...queue, guarded: true }, () => crashLoopGuard.attempt(event, stored, apply, signal));
  }

  #isStale(): boolean {
    return this.checkpoint.isStale(this.#options.highWaterMark.epoch());
  }

  /** A catch-up ends only after a fresh poll; a live run has been woken with the high-water mark of a poll. */
  async #nothingNew(mode: RunMode): Promise<boolean> {
    const { highWaterMark } = this.#options;
    const latest = highWaterMark.latest();
    if (latest !== null && this.checkpoint.readPosition < latest) return false;
    return (mode === 'live' && latest !== null) || this.checkpoint.readPosition >= (await highWaterMark.refresh());
  }

  async #load(signal: AbortSignal): Promise<StoredCheckpoint> {
    const { reader, readTurns, settings, projection, highWaterMark, progress } = this.#options;
    const epoch = highWaterMark.epoch();
    const stored = await new QueuedTask(readTurns, () => loadCheckpoint(reader, settings, projection)).wait(
      progress,
      signal,
    );
    this.#historyCode = null;
    if (stored.cursor === 0n || this.#replayUntil === 0n) this.#replayUntil = await highWaterMark.refresh();
    this.#unfoldable = [...stored.catalog.tables.values()].flatMap(({ name, inOrderBecause }) =>
      inOrderBecause === null ? [] : [{ table: name, because: inOrderBecause }],
    );
    this.checkpoint.load(stored, epoch);
    progress.loaded(stored.cursor, stored.generation);
    return stored;
  }

  #measure(page: Page, { mode, began, more }: Omit<Step, 'signal'>, applied: PageMode): void {
    const { progress, now } = this.#options;
    const ms = now() - began;
    const last = page.events.at(-1);
    if (mode === 'live' && last !== undefined) progress.latency.visible(last.occurredAt);
    progress.applied(page.events.length, this.checkpoint.readPosition, ms, applied);
    this.#limit.applied({ full: more, ms });
  }
}
