import { waitFor } from 'xstate';
import type { ProjectionActor } from '../../machines/daemon.ts';
import { LOCKED_BY_OTHER } from '../../machines/projection-transitions.ts';
import { fullStateOf, stateOf } from '../../machines/state-names.ts';
import type { PendingCommand } from '../core/command.ts';
import { describeError } from '../core/describe-error.ts';
import { EngineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { operatorCommand } from '../core/operator-commands/command-registry.ts';
import type { ProjectionState } from '../core/status.ts';
import type { Sql } from '../postgres/pool.ts';
import { commandDone, expectGeneration, pendingCommands, refuseCommand, refuseUnknown } from '../state/commands.ts';
import { dispositionOf, isForAnother, isTransientState, type Refusal } from './command-disposition.ts';
import { deliver } from './deliver-to-machine.ts';

export interface RunnerOptions {
  readonly sql: Sql;
  /** The id of this daemon. */
  readonly id: string;
  readonly names: readonly string[];
  /** The machine of a projection; undefined while it does not run. */
  readonly child: (name: string) => ProjectionActor | undefined;
  readonly log: Log;
  /** Called when a command was found ended, by this daemon or by another one. */
  readonly onEnded: (id: string, state: ProjectionState) => void;
}

/** How a command has ended, and the state of its projection at that moment. */
interface Ended {
  readonly state: ProjectionState;
  readonly refusal?: Refusal;
}

/** Milliseconds that the runner waits for the end of a transient state. The next heartbeat reads the command again. */
const TRANSIENT_MS = 1000;

/**
 * Carries out the pending commands. The commands of one projection run one at a time and in order, so that its machine
 * never has two. A command is not claimed: its effect and its end commit together, or not at all.
 */
export class CommandRunner {
  readonly #options: RunnerOptions;
  readonly #stopped = new AbortController();
  readonly #working = new Map<string, Promise<void>>();
  /** Projections for which a further command was found while one of theirs was running. */
  readonly #missed = new Set<string>();
  /** Ids of the commands that the machines of this daemon are carrying out. */
  readonly #executing = new Set<string>();
  #polling: Promise<void> | null = null;
  #pollAgain = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Reads the pending commands and carries them out. Never throws; the next poll tries again what failed. */
  poll(): void {
    if (this.#stopped.signal.aborted) return;
    this.#pollAgain = this.#polling !== null;
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = null;
      if (this.#pollAgain) this.poll();
    });
  }

  /** Whether a machine of this daemon is carrying out this command, or is still leaving the state in which it did. */
  isExecuting(id: string): boolean {
    return this.#executing.has(id);
  }

  /** Begins no further command; resolves when the running ones have ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#polling;
    await Promise.all(this.#working.values());
  }

  async #poll(): Promise<void> {
    const { id: by, sql, names, log } = this.#options;
    const refused = await refuseUnknown(sql, by).catch(() => []);
    for (const { id, name, ...about } of refused) {
      log.warn({ command: id, projection: name, ...about }, 'a command was refused');
      this.#options.onEnded(id, 'idle');
    }
    const pending = await pendingCommands(sql, names).catch((error: unknown) => {
      log.debug({ err: error }, 'commands were not read; the next heartbeat tries again');
      return [];
    });
    for (const name of new Set(pending.map((command) => command.name))) {
      if (this.#working.has(name)) this.#missed.add(name);
      else
        this.#begin(
          name,
          pending.filter((command) => command.name === name),
        );
    }
  }

  #begin(name: string, commands: readonly PendingCommand[]): void {
    const work = this.#work(commands).finally(() => {
      this.#working.delete(name);
      if (this.#missed.delete(name)) this.poll();
    });
    this.#working.set(name, work);
  }

  /** Carries them out up to the first that has to wait: later commands must not overtake it. */
  async #work(commands: readonly PendingCommand[]): Promise<void> {
    const { log } = this.#options;
    for (const command of commands) {
      const { id, name: projection, event, requestedBy } = command;
      try {
        if (this.#stopped.signal.aborted || !(await this.#carryOut(command))) return;
      } catch (error) {
        log.info({ command: id, projection, event, requestedBy, err: error }, 'a command could not be carried out yet');
        return;
      }
    }
  }

  /** @returns whether it has ended */
  async #carryOut(command: PendingCommand): Promise<boolean> {
    const { id: by, sql, log, onEnded } = this.#options;
    const { id, name: projection, event, requestedBy } = command;
    const outcome = await this.#attempt(command);
    if (outcome === 'later') return false;
    const { state, refusal } = outcome;
    const about = { command: id, projection, event, requestedBy, state, ...refusal };
    if (refusal !== undefined) await refuseCommand(sql, id, { by, ...refusal });
    if (refusal !== undefined) log.warn(about, 'a command was refused');
    else log.info(about, 'a command has ended');
    onEnded(id, state);
    return true;
  }

  async #attempt(command: PendingCommand): Promise<'later' | Ended> {
    const { id, sql, child: childOf } = this.#options;
    const { name, event, generation } = command;
    const { machineEvent, endedBy } = operatorCommand(event);
    const child = childOf(name);
    if (child === undefined || isForAnother(command, { id, ...child.getSnapshot().context })) return 'later';
    await this.#awaitLastingState(child, command);
    let before = child.getSnapshot();
    try {
      // The other commands compare the generation in the transaction of their effect.
      if (endedBy === 'runner' && generation !== null) await expectGeneration(sql, command);
      before = child.getSnapshot();
      if (before.status !== 'active' || before.matches({ idle: 'stopped' })) return 'later';
      if (before.can({ type: machineEvent })) return await this.#execute(child, command);
      if (isTransientState(before)) return 'later';
      throw new EngineError('COMMAND_REFUSED', { event, name, state: fullStateOf(before) });
    } catch (error) {
      const state = stateOf(before);
      const disposition = dispositionOf(error);
      if (disposition === 'ended') return { state };
      if (disposition === 'later') throw error;
      return { state, refusal: disposition };
    }
  }

  async #execute(child: ProjectionActor, command: PendingCommand): Promise<'later' | Ended> {
    const { sql, id: by, log } = this.#options;
    const { id, name, event } = command;
    this.#executing.add(id);
    log.debug({ command: id, projection: name, event }, 'a command is carried out');
    try {
      const { error, state } = await deliver(child, command);
      if (error !== null) throw error instanceof Error ? error : new Error(describeError(error));
      if (operatorCommand(event).endedBy === 'runner') {
        // Another daemon holds the row, so no attempt was made.
        if (child.getSnapshot().context.detail === LOCKED_BY_OTHER) return 'later';
        await commandDone(sql, id, { by });
      }
      return { state };
    } finally {
      this.#executing.delete(id);
    }
  }

  async #awaitLastingState(child: ProjectionActor, { event }: PendingCommand): Promise<void> {
    const { machineEvent: type } = operatorCommand(event);
    const lasting = waitFor(child, (one) => one.status !== 'active' || one.can({ type }) || !isTransientState(one), {
      timeout: TRANSIENT_MS,
      signal: this.#stopped.signal,
    });
    // After a timeout, a stop or the end of the actor the caller reads the snapshot again and decides.
    await lasting.catch(() => undefined);
  }
}
