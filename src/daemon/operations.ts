import type { CommandRecord, CommandRequest, WaitOptions } from '../core/command.ts';
import { EngineError } from '../core/errors.ts';
import type { OperatorEvent } from '../core/operator-commands/command-registry.ts';
import type { Projection } from '../core/projection.ts';
import type { CommandOutcome } from '../core/status.ts';
import { adopt } from '../operations/adopt.ts';
import type { CommandInbox } from '../operations/command-inbox.ts';
import type { FailureService } from '../operations/dry-run/failure-service.ts';
import { unregister } from '../operations/unregister.ts';
import type { HighWaterMarkCache } from '../projector/high-water-mark-cache.ts';
import { readCommands } from '../state/commands.ts';
import { readTransitions, type TransitionsOptions } from '../state/transitions.ts';
import type { DaemonPort, SendOptions } from './api.ts';
import type { BackgroundTasks } from './background-tasks.ts';
import type { Pools } from './pools.ts';

/** The parts of a running daemon that answer operators. */
export interface OperatingParts {
  /** Id of the daemon. */
  readonly id: string;
  readonly projections: readonly Projection[];
  readonly names: readonly string[];
  readonly pools: Pools;
  readonly inbox: CommandInbox;
  readonly tasks: BackgroundTasks;
  readonly highWaterMark: HighWaterMarkCache;
  readonly failures: FailureService;
}

type Operations = Pick<
  DaemonPort,
  | 'send'
  | 'submit'
  | 'command'
  | 'commands'
  | 'awaitCommand'
  | 'outcome'
  | 'transitions'
  | 'waitFor'
  | 'forget'
  | 'adopt'
  | 'failures'
  | 'tryFailed'
  | 'capsule'
>;

/** The requests of operators, each passed on to the part that carries it out. */
export abstract class DaemonOperations implements Operations {
  /** @throws EngineError DAEMON_STARTING before the start has ended, DAEMON_STOPPED after the end */
  protected abstract operating(): OperatingParts;
  /** @throws EngineError DAEMON_STOPPED from the beginning of the stop */
  protected abstract refuseWhileStopping(): void;

  async send(name: string, event: OperatorEvent, options: SendOptions = {}): Promise<CommandOutcome> {
    options.signal?.throwIfAborted();
    const { id } = await this.submit({ name, event, by: options.by ?? 'library' });
    return await this.outcome(id, options);
  }

  async submit(request: CommandRequest): Promise<CommandRecord> {
    this.refuseWhileStopping();
    return await this.operating().inbox.submit(request);
  }

  async command(id: string): Promise<CommandRecord | null> {
    return await this.operating().inbox.command(id);
  }

  async commands({ name, limit = 100 }: { readonly name?: string; readonly limit?: number } = {}) {
    return await readCommands(this.operating().pools.views, { name: name ?? null, limit });
  }

  async awaitCommand(id: string, options?: WaitOptions): Promise<CommandRecord> {
    return await this.operating().inbox.awaitCommand(id, options);
  }

  async outcome(id: string, options?: WaitOptions): Promise<CommandOutcome> {
    return await this.operating().inbox.outcome(id, options);
  }

  async transitions(name: string, options?: TransitionsOptions) {
    return await readTransitions(this.operating().pools.views, name, options);
  }

  async waitFor(...request: Parameters<DaemonPort['waitFor']>) {
    return await this.operating().tasks.waits.until(...request);
  }

  async forget(name: string): Promise<readonly string[]> {
    const { pools, names, id: by } = this.operating();
    return await unregister(pools.operators, name, { declared: names, by });
  }

  async adopt(name: string, position: bigint): Promise<void> {
    this.refuseWhileStopping();
    const { id: owner, projections, names, pools, highWaterMark, tasks } = this.operating();
    const projection = projections.find((one) => one.name === name);
    if (projection === undefined) throw new EngineError('PROJECTION_UNKNOWN', { name, known: names.join(', ') });
    await adopt(pools.operators, { projection, position, head: await highWaterMark.refresh(), owner });
    await tasks.rows.poll();
  }

  async failures(...request: Parameters<DaemonPort['failures']>) {
    return await this.operating().failures.list(...request);
  }

  async tryFailed(...request: Parameters<DaemonPort['tryFailed']>) {
    return await this.operating().failures.try(...request);
  }

  async capsule(...request: Parameters<DaemonPort['capsule']>) {
    return await this.operating().failures.capsule(...request);
  }
}
