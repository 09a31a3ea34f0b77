import { randomUUID } from 'node:crypto';
import { filter, firstValueFrom, Subject } from 'rxjs';
import { stateOf } from '../../machines/state-names.ts';
import type { CommandRecord, CommandRequest, WaitOptions } from '../core/command.ts';
import { orAborted } from '../core/deadline.ts';
import { EngineError } from '../core/errors.ts';
import { isTimeout, untilAborted } from '../core/signals.ts';
import type { CommandOutcome, ProjectionState } from '../core/status.ts';
import { isTransient } from '../postgres/errors.ts';
import { readCommand, storeCommand, tidyCommands } from '../state/commands.ts';
import { checkRequest, checkSame } from './command-check.ts';
import { CommandRunner, type RunnerOptions } from './command-runner.ts';

const TIMEOUT_MS = 30_000;
/** States that commands led to, kept for whoever has waited for them. */
const REMEMBERED = 256;
/** A machine leaves its state at once; a handler that blocks the event loop may be in between. */
const LEAVING_MS = 2_000;
const TIDY_EVERY_MS = 3_600_000;

/** Where commands come in, and where those who sent them hear how they ended. */
export class CommandInbox {
  readonly #options: Omit<RunnerOptions, 'onEnded'>;
  readonly #runner: CommandRunner;
  /** Ids of commands that this daemon has seen ended; null: a heartbeat, any may have ended elsewhere. */
  readonly #news = new Subject<string | null>();
  readonly #states = new Map<string, ProjectionState>();
  #tidied = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: Omit<RunnerOptions, 'onEnded'>) {
    this.#options = options;
    this.#runner = new CommandRunner({ ...options, onEnded: (id, state) => this.#ended(id, state) });
  }

  /** Takes up what an earlier process, or another daemon, has left. */
  start(): void {
    this.#runner.poll();
  }

  /** With each heartbeat: whether anything is pending. */
  heartbeat(pending: boolean): void {
    if (pending) this.#runner.poll();
    this.#news.next(null);
  }

  /** On schedule. Never rejects. */
  async tidy(): Promise<void> {
    if (performance.now() - this.#tidied < TIDY_EVERY_MS) return;
    this.#tidied = performance.now();
    const { sql, log } = this.#options;
    await tidyCommands(sql).catch((error: unknown) => log.debug({ err: error }, 'old commands not removed'));
  }

  /**
   * Stores a command; from then on it is carried out, also over a restart.
   * @throws EngineError PROJECTION_UNKNOWN, PUBLISHER_TAKES_NO_COMMANDS, COMMAND_INVALID, COMMAND_NOT_TAKEN
   */
  async submit(request: CommandRequest): Promise<CommandRecord> {
    const { sql, id: acceptedBy, names } = this.#options;
    const { name, event, id = randomUUID() } = request;
    checkRequest(request, names);
    const stored = await storeCommand(sql, { ...request, id: id.toLowerCase() }, acceptedBy).catch((error: unknown) => {
      throw isTransient(error) ? new EngineError('COMMAND_NOT_TAKEN', { event, name }, { cause: error }) : error;
    });
    if (stored === null) throw new EngineError('COMMAND_NOT_TAKEN', { event, name });
    checkSame(request, stored);
    if (stored.state === 'pending') this.#runner.poll();
    return stored;
  }

  /** null: there is none of this id. */
  async command(id: string): Promise<CommandRecord | null> {
    return await readCommand(this.#options.sql, id);
  }

  /** @throws EngineError COMMAND_INVALID (no such id), COMMAND_TIMEOUT, DAEMON_STOPPED; the signal's reason */
  async awaitCommand(id: string, { signal, timeoutMs = TIMEOUT_MS }: WaitOptions = {}): Promise<CommandRecord> {
    let seen: CommandRecord | null = null;
    try {
      return await untilAborted({ signals: [signal], ms: timeoutMs }, async (either) => {
        while (!this.#closed) {
          // Before the look: what ends during it is not missed.
          const news = firstValueFrom(this.#news.pipe(filter((ended) => ended === null || ended === id)), {
            defaultValue: null,
          });
          either.throwIfAborted();
          seen = await orAborted(this.#poll(id, seen), either);
          if (seen.state !== 'pending') return seen;
          await orAborted(news, either);
        }
        throw new EngineError('DAEMON_STOPPED');
      });
    } catch (error) {
      if (!isTimeout(error) || signal?.aborted === true) throw error;
      const { name, event } = (seen as CommandRecord | null) ?? { name: '', event: 'the command' };
      throw new EngineError('COMMAND_TIMEOUT', { name, event, ms: timeoutMs, state: this.#stateOf(name) });
    }
  }

  /** As `awaitCommand`, in short, with the state that it led to. */
  async outcome(id: string, options?: WaitOptions): Promise<CommandOutcome> {
    const { name, state, code, message, warning } = await this.awaitCommand(id, options);
    if (state === 'failed') return { kind: 'failed', code: code ?? 'COMMAND_REFUSED', message: message ?? '' };
    const now = this.#states.get(id) ?? (await this.#stateAfter(id, name));
    return { kind: 'done', state: now, ...(warning !== null && { warning }) };
  }

  /** When the machines have stopped; bounded by what the connections bear. */
  async stop(): Promise<void> {
    await this.#runner.stop();
    this.#closed = true;
    this.#news.complete();
  }

  /** A database that is away says nothing about the command: it is asked again with the next heartbeat. */
  async #poll(id: string, before: CommandRecord | null): Promise<CommandRecord> {
    const { sql } = this.#options;
    const found = await readCommand(sql, id).catch((error: unknown) => {
      if (before !== null && isTransient(error)) return before;
      throw error;
    });
    if (found !== null) return found;
    throw new EngineError('COMMAND_INVALID', { event: 'the command', name: '', reason: `there is none under ${id}` });
  }

  /**
   * The row of a command ends with the transaction of its effect, a moment before the machine leaves the state in which
   * that ran: what the command led to is known when this daemon's runner has it out of its hand.
   */
  async #stateAfter(id: string, name: string): Promise<ProjectionState> {
    if (this.#runner.isExecuting(id)) {
      const ended = firstValueFrom(this.#news.pipe(filter((one) => one === id)), { defaultValue: null });
      if (this.#runner.isExecuting(id)) await orAborted(ended, AbortSignal.timeout(LEAVING_MS)).catch(() => null);
    }
    return this.#states.get(id) ?? this.#stateOf(name);
  }

  #stateOf(name: string): ProjectionState {
    const child = this.#options.child(name);
    return child === undefined ? 'idle' : stateOf(child.getSnapshot());
  }

  #ended(id: string, state: ProjectionState): void {
    this.#states.set(id, state);
    for (const oldest of this.#states.keys()) {
      if (this.#states.size <= REMEMBERED) break;
      this.#states.delete(oldest);
    }
    this.#news.next(id);
  }
}
