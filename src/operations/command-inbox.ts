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
/** Number of ended commands whose resulting state is kept for their callers. */
const STATES_KEPT = 256;
/** A machine leaves its state immediately, unless a handler blocks the event loop in between. */
const LEAVING_MS = 2_000;
const PRUNE_EVERY_MS = 3_600_000;

/** Stores the commands of operators, and reports to their callers how each one ended. */
export class CommandInbox {
  readonly #options: Omit<RunnerOptions, 'onEnded'>;
  readonly #runner: CommandRunner;
  /** Ids of commands that this daemon has found ended; null for a heartbeat: another daemon may have ended any command. */
  readonly #ended$ = new Subject<string | null>();
  readonly #states = new Map<string, ProjectionState>();
  #prunedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: Omit<RunnerOptions, 'onEnded'>) {
    this.#options = options;
    this.#runner = new CommandRunner({ ...options, onEnded: (id, state) => this.#onEnded(id, state) });
  }

  /** Begins with the pending commands of an earlier process or of another daemon. */
  start(): void {
    this.#runner.poll();
  }

  /** Called with each heartbeat. @param pending whether any command is pending */
  heartbeat(pending: boolean): void {
    if (pending) this.#runner.poll();
    this.#ended$.next(null);
  }

  /** Removes old commands, once an hour. Called with each scheduled poll. Never rejects. */
  async tidy(): Promise<void> {
    if (performance.now() - this.#prunedAt < PRUNE_EVERY_MS) return;
    this.#prunedAt = performance.now();
    const { sql, log } = this.#options;
    await tidyCommands(sql).catch((error: unknown) => log.debug({ err: error }, 'old commands were not removed'));
  }

  /**
   * Stores a command. From then on it will be carried out, also after a restart.
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

  /** Null when no command has this id. */
  async command(id: string): Promise<CommandRecord | null> {
    return await readCommand(this.#options.sql, id);
  }

  /** @throws EngineError COMMAND_INVALID (no such id), COMMAND_TIMEOUT, DAEMON_STOPPED; the signal's reason */
  async awaitCommand(id: string, { signal, timeoutMs = TIMEOUT_MS }: WaitOptions = {}): Promise<CommandRecord> {
    let last: CommandRecord | null = null;
    try {
      return await untilAborted({ signals: [signal], ms: timeoutMs }, async (either) => {
        while (!this.#closed) {
          // Subscribed before the read: a command that ends during the read is not missed.
          const ended = firstValueFrom(this.#ended$.pipe(filter((one) => one === null || one === id)), {
            defaultValue: null,
          });
          either.throwIfAborted();
          last = await orAborted(this.#read(id, last), either);
          if (last.state !== 'pending') return last;
          await orAborted(ended, either);
        }
        throw new EngineError('DAEMON_STOPPED');
      });
    } catch (error) {
      if (!isTimeout(error) || signal?.aborted === true) throw error;
      const { name, event } = (last as CommandRecord | null) ?? { name: '', event: 'the command' };
      throw new EngineError('COMMAND_TIMEOUT', { name, event, ms: timeoutMs, state: this.#stateOf(name) });
    }
  }

  /** As `awaitCommand`, in short, with the state that the projection reached. */
  async outcome(id: string, options?: WaitOptions): Promise<CommandOutcome> {
    const { name, state, code, message, warning } = await this.awaitCommand(id, options);
    if (state === 'failed') return { kind: 'failed', code: code ?? 'COMMAND_REFUSED', message: message ?? '' };
    const reached = this.#states.get(id) ?? (await this.#stateAfter(id, name));
    return { kind: 'done', state: reached, ...(warning !== null && { warning }) };
  }

  /** Called when the machines have stopped. Bounded by the timeouts of the connections. */
  async stop(): Promise<void> {
    await this.#runner.stop();
    this.#closed = true;
    this.#ended$.complete();
  }

  /** While the database does not answer, the last known record is returned: the next heartbeat reads it again. */
  async #read(id: string, before: CommandRecord | null): Promise<CommandRecord> {
    const { sql } = this.#options;
    const found = await readCommand(sql, id).catch((error: unknown) => {
      if (before !== null && isTransient(error)) return before;
      throw error;
    });
    if (found !== null) return found;
    throw new EngineError('COMMAND_INVALID', { event: 'the command', name: '', reason: `there is none under ${id}` });
  }

  /**
   * The transaction of the effect ends the row of the command, a moment before the machine leaves the state in which that
   * transaction ran. So the reached state is known only when this daemon's runner has finished with the command.
   */
  async #stateAfter(id: string, name: string): Promise<ProjectionState> {
    if (this.#runner.isExecuting(id)) {
      const ended = firstValueFrom(this.#ended$.pipe(filter((one) => one === id)), { defaultValue: null });
      if (this.#runner.isExecuting(id)) await orAborted(ended, AbortSignal.timeout(LEAVING_MS)).catch(() => null);
    }
    return this.#states.get(id) ?? this.#stateOf(name);
  }

  #stateOf(name: string): ProjectionState {
    const child = this.#options.child(name);
    return child === undefined ? 'idle' : stateOf(child.getSnapshot());
  }

  #onEnded(id: string, state: ProjectionState): void {
    this.#states.set(id, state);
    for (const oldest of this.#states.keys()) {
      if (this.#states.size <= STATES_KEPT) break;
      this.#states.delete(oldest);
    }
    this.#ended$.next(id);
  }
}
