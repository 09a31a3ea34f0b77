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

/** Milliseconds until a row that somebody held is tried once more. */
const HELD_MS = 10;
/** No repetition mends these: an operator decides. */
const UNFIT = new Set<ErrorCode>(['PROJECTION_REFUSED', 'TABLE_REPLACED', 'HISTORY_AHEAD', 'HISTORY_DIVERGED']);
const HALTED = { kind: 'halted', detail: 'halted before an event that failed' } as const;

/**
 * The loop of one projection: read a page, apply it, while the next one is read already. Moves over events that the
 * projection does not handle are stored later, many projections at once.
 */
export class ProjectionRunner {
  readonly checkpoint = new Checkpoint();
  readonly halts: HaltGate;
  readonly #options: ProjectionRunnerOptions;
  #replayUntil = 0n;
  readonly #limit: PageLimit;
  readonly #pages: PageReader;
  /** A run is under way; the last one has ended at the head. */
  #running = false;
  #caughtUp = false;
  /** Of the tables whose definitions do not let them fold, why. */
  #tables: readonly InOrder[] = [];
  /** Why the last page that could have been folded was not; null when it was. */
  #inOrder: InOrder | null = null;
  #historyCode: ErrorCode | null = null;
  #heldBefore = false;
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
    this.#pages = new PageReader({ reader, turns, highWaterMark, names, limit, budget, alone, progress, now });
  }

  /** It waits until the pages of others are done with: together they take up all the memory there is for them. */
  get waitsForRoom(): boolean {
    return this.#pages.waitsForRoom;
  }

  /** The last run ended before an event that waits until another projection's stored row has passed it. */
  get waitsForAnother(): boolean {
    return this.#waitsForAnother;
  }

  /** What halted the last pull where no event is at fault: the store's history, or whose the tables are. No row says so. */
  get historyCode(): ErrorCode | null {
    return this.#historyCode;
  }

  /** What makes it apply events one by one: the tables by their definitions, and what the last larger page met. */
  get inOrder(): readonly InOrder[] {
    const tables = this.#tables.filter(({ table }) => table !== this.#inOrder?.table);
    return this.#inOrder === null ? tables : [...tables, this.#inOrder];
  }

  /**
   * What a wakeup would do now. `needed`: a run is under way, which has to hear of it, or the row has to be read again.
   * `resting`: nothing to do but for events that it handles. `useless`: it waits for something else, and looks by itself
   * when that is over.
   */
  get wakeup(): 'needed' | 'resting' | 'useless' {
    if (this.#running) return 'needed';
    if (!this.#caughtUp) return 'useless';
    return this.checkpoint.place === null || this.#isStale() ? 'needed' : 'resting';
  }

  /** What is in memory about the stored row and pages read ahead is no longer to be trusted. */
  forget(): void {
    this.checkpoint.forget();
    this.#caughtUp = false;
    this.#pages.forget();
  }

  async run(mode: RunMode, signal: AbortSignal): Promise<RunOutcome> {
    const { progress } = this.#options;
    progress.pulling();
    if (mode === 'attempt') progress.pages.retried();
    this.#running = true;
    this.#caughtUp = false;
    try {
      const outcome = await this.#loop(mode, signal);
      this.#caughtUp = outcome.kind === 'caught-up';
      this.#waitsForAnother = outcome.kind === 'waiting';
      return outcome;
    } catch (error) {
      this.forget();
      if (signal.aborted && error === signal.reason) return { kind: 'stopped' };
      if (isConnectionLost(error) || isEngineError(error, 'EVENTS_TAKEN_BACK')) this.#options.highWaterMark.forget();
      // Stored: a RESET empties such a table only after that was shown.
      if (isEngineError(error, 'TABLE_REPLACED')) await refuseReplaced(this.#options.settings.sql, error);
      if (isEngineError(error) && UNFIT.has(error.code)) {
        this.#historyCode = error.code;
        return { kind: 'failed', halted: true, detail: error.message };
      }
      throw error;
    } finally {
      this.#running = false;
      progress.rests();
    }
  }

  async #loop(mode: RunMode, signal: AbortSignal): Promise<RunOutcome> {
    const { now, progress } = this.#options;
    this.#heldBefore = false;
    for (;;) {
      if (signal.aborted) return { kind: 'stopped' };
      const halted = await this.halts.pass();
      if (halted !== null) {
        this.forget();
        return halted;
      }
      if (this.#isStale()) this.forget();
      const before = this.checkpoint.generation;
      const place = this.checkpoint.place ?? (await this.#open(signal));
      // Reset by somebody else: not a page or two behind, but the whole history.
      if (mode === 'live' && place.generation !== before) return { kind: 'behind' };
      // Halted by what a handler has left behind, long after its page: with nothing new no page would find that.
      if (place.status === 'halted' && mode !== 'attempt') {
        this.forget();
        return HALTED;
      }
      // An attempt always goes through: it may find nothing left to apply, and has to take back the halt all the same.
      if (mode !== 'attempt' && (await this.#nothingNew(mode))) {
        if (this.#isStale()) continue;
        if (mode === 'catch-up') progress.latency.wentLive();
        return { kind: 'caught-up' };
      }
      const began = now();
      const held = await this.#pages.next(this.checkpoint.scanned, mode === 'live', signal);
      try {
        const end = await this.#work(held.page, place, { mode, began, more: held.more, signal });
        if (end !== null) return end;
      } finally {
        held.release();
      }
    }
  }

  /** @returns what ends the pull; null: it goes on */
  async #work(page: Page, place: StoredCheckpoint, { mode, began, more, signal }: Step): Promise<RunOutcome | null> {
    const { log, progress, projection, settings } = this.#options;
    if (this.#isStale()) return null;
    if (page.events.length === 0 && mode !== 'attempt') {
      this.checkpoint.passOver(page);
      this.#options.onScanned?.();
      progress.passed(page.to);
      return null;
    }
    const outcome = await this.#apply(page, place, mode, signal);
    if (outcome.kind !== 'applied') this.forget();
    switch (outcome.kind) {
      case 'moved':
        return null;
      case 'must halt':
        this.halts.close(outcome.halt);
        return null;
      case 'applied':
        this.checkpoint.applied(
          { ...place, cursor: outcome.cursor, status: 'running', catalog: outcome.catalog ?? place.catalog },
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
        if (this.#heldBefore) return { kind: 'locked-by-other' };
        // Once it may be this daemon itself, which stores idle moves: that takes a moment, a page of another takes longer.
        this.#heldBefore = true;
        await pause(HELD_MS, undefined, { signal }).catch(() => undefined);
        return null;
      case 'stopped':
      case 'paused':
        return outcome;
    }
  }

  async #apply(page: Page, place: StoredCheckpoint, mode: RunMode, signal: AbortSignal): Promise<PageOutcome> {
    const { settings, projection, crashLoopGuard, progress } = this.#options;
    const { newestTime: newest, scannedId: afterId } = this.checkpoint;
    const work = {
      projection,
      page,
      ...place,
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
    return await applyInTurn({ ...queue, guarded: true }, () => crashLoopGuard.attempt(event, place, apply, signal));
  }

  #isStale(): boolean {
    return this.checkpoint.isStale(this.#options.highWaterMark.epoch());
  }

  /** Catching up ends only when a fresh look agrees; live, a wake has brought the head along. */
  async #nothingNew(mode: RunMode): Promise<boolean> {
    const { highWaterMark } = this.#options;
    const latest = highWaterMark.latest();
    if (latest !== null && this.checkpoint.scanned < latest) return false;
    return (mode === 'live' && latest !== null) || this.checkpoint.scanned >= (await highWaterMark.refresh());
  }

  async #open(signal: AbortSignal): Promise<StoredCheckpoint> {
    const { reader, readTurns, projection, highWaterMark, progress } = this.#options;
    const epoch = highWaterMark.epoch();
    const place = await new QueuedTask(readTurns, () => loadCheckpoint(reader, projection)).wait(progress, signal);
    this.#historyCode = null;
    if (place.cursor === 0n || this.#replayUntil === 0n) this.#replayUntil = await highWaterMark.refresh();
    this.#tables = [...place.catalog.tables.values()].flatMap(({ name, inOrderBecause }) =>
      inOrderBecause === null ? [] : [{ table: name, because: inOrderBecause }],
    );
    this.checkpoint.load(place, epoch);
    progress.place(place.cursor, place.generation);
    return place;
  }

  #measure(page: Page, { mode, began, more }: Omit<Step, 'signal'>, applied: PageMode): void {
    const { progress, now } = this.#options;
    const ms = now() - began;
    const last = page.events.at(-1);
    if (mode === 'live' && last !== undefined) progress.latency.visible(last.occurredAt);
    progress.applied(page.events.length, this.checkpoint.scanned, ms, applied);
    this.#limit.applied({ full: more, ms });
  }
}
