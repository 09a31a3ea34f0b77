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
  /** Of this daemon. */
  readonly id: string;
  readonly names: readonly string[];
  /** Undefined where a projection does not run now. */
  readonly child: (name: string) => ProjectionActor | undefined;
  readonly log: Log;
  /** A command was found ended, by this daemon or another one. */
  readonly onEnded: (id: string, state: ProjectionState) => void;
}

/** How a command has ended, and the state of its projection then. */
interface Ended {
  readonly state: ProjectionState;
  readonly refusal?: Refusal;
}

/** Milliseconds for which a state that passes is waited out; then the command is looked at with the next heartbeat. */
const PASSING_MS = 1000;

/**
 * Carries out what is stored as pending: the commands of one projection one at a time, in their order, so that its machine
 * never has two. There are no claims: an effect and the end of its command commit together, or not at all.
 */
export class CommandRunner {
  readonly #options: RunnerOptions;
  readonly #stopped = new AbortController();
  readonly #working = new Map<string, Promise<void>>();
  /** Had something new while they were at work. */
  readonly #missed = new Set<string>();
  /** Ids of the commands that a machine of this daemon is carrying out. */
  readonly #executing = new Set<string>();
  #polling: Promise<void> | null = null;
  #pollAgain = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** There is something to carry out. Never throws; what cannot be done now is left for the next look. */
  poll(): void {
    if (this.#stopped.signal.aborted) return;
    this.#pollAgain = this.#polling !== null;
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = null;
      if (this.#pollAgain) this.poll();
    });
  }

  /** Whether a machine of this daemon is carrying out this command, or has just done so and is leaving the state of it. */
  isExecuting(id: string): boolean {
    return this.#executing.has(id);
  }

  /** Begins nothing more; resolves when what is under way has ended. */
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
      log.debug({ err: error }, 'commands not read, tried again with the next heartbeat');
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

  /** Up to the first that has to wait: what follows must not overtake it. */
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
    const outcome = await this.#effect(command);
    if (outcome === 'later') return false;
    const { state, refusal } = outcome;
    const about = { command: id, projection, event, requestedBy, state, ...refusal };
    if (refusal !== undefined) await refuseCommand(sql, id, { by, ...refusal });
    if (refusal !== undefined) log.warn(about, 'a command was refused');
    else log.info(about, 'a command has ended');
    onEnded(id, state);
    return true;
  }

  async #effect(command: PendingCommand): Promise<'later' | Ended> {
    const { id, sql, child: childOf } = this.#options;
    const { name, event, generation } = command;
    const { machineEvent, endedBy } = operatorCommand(event);
    const child = childOf(name);
    if (child === undefined || isForAnother(command, { id, ...child.getSnapshot().context })) return 'later';
    await this.#outOfPassing(child, command);
    let before = child.getSnapshot();
    try {
      // The others look in the transaction of their effect.
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
        // Another daemon has the row: no attempt was made.
        if (child.getSnapshot().context.detail === LOCKED_BY_OTHER) return 'later';
        await commandDone(sql, id, { by });
      }
      return { state };
    } finally {
      this.#executing.delete(id);
    }
  }

  async #outOfPassing(child: ProjectionActor, { event }: PendingCommand): Promise<void> {
    const { machineEvent: type } = operatorCommand(event);
    const passed = waitFor(child, (one) => one.status !== 'active' || one.can({ type }) || !isTransientState(one), {
      timeout: PASSING_MS,
      signal: this.#stopped.signal,
    });
    // Too late, stopped or dead: what follows looks at it again.
    await passed.catch(() => undefined);
  }
}
