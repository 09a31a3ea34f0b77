import { type ActorRefFrom, createActor, SimulatedClock, type StateValueFrom } from 'xstate';
import { projectionMachine } from '../../machines/projection.ts';
import type { PendingCommand } from '../../src/core/command.ts';
import type { ProjectionOperations, RunOutcome } from '../../src/core/port.ts';
import type { StoredStatus } from '../../src/core/status.ts';

/** Every state the machine can rest in, derived from the machine: `idle.stopped`, `resetting`. */
export type Leaf = Exclude<LeafOf<Value>, Compound<Value>>;
type Value = StateValueFrom<typeof projectionMachine>;
type Compound<V> = V extends string ? never : keyof V;
type LeafOf<V> = V extends string
  ? V
  : { [Key in keyof V & string]: `${Key}.${NonNullable<V[Key]> & string}` }[keyof V & string];

export type RunAnswer = `run:${RunOutcome['kind']}` | 'run:failed for good';
export type OpenAnswer = `open:${StoredStatus}`;
export type ResetAnswer = `reset:${StoredStatus}`;
export type PauseAnswer = `setPaused:${StoredStatus}`;
/** Every answer of an operation; `rejected` fits every operation. */
export type Answer = RunAnswer | OpenAnswer | ResetAnswer | PauseAnswer | 'skip:done' | 'rejected';

/** What the operations resolve with. */
export const OUTCOMES: Readonly<Record<Exclude<Answer, 'rejected'>, unknown>> = {
  'run:caught-up': { kind: 'caught-up' },
  'run:behind': { kind: 'behind' },
  'run:failed': { kind: 'failed', halted: false, detail: 'event 7 failed' },
  'run:failed for good': { kind: 'failed', halted: true, detail: 'event 7 failed for good' },
  'run:waiting': { kind: 'waiting', detail: 'waiting for another projection' },
  'run:locked-by-other': { kind: 'locked-by-other' },
  'run:paused': { kind: 'paused' },
  'run:halted': { kind: 'halted', detail: 'halted before event 7' },
  'run:stopped': { kind: 'stopped' },
  'open:running': { status: 'running', detail: null },
  'open:paused': { status: 'paused', detail: null },
  'open:halted': { status: 'halted', detail: 'halted before event 7' },
  'reset:running': { status: 'running' },
  'reset:paused': { status: 'paused' },
  'reset:halted': { status: 'halted' },
  'setPaused:running': { status: 'running' },
  'setPaused:paused': { status: 'paused' },
  'setPaused:halted': { status: 'halted' },
  'skip:done': undefined,
};

/** An operation that has begun and that the test ends. */
export interface RunningOperation {
  readonly name: keyof ProjectionOperations;
  /** The name and the argument: `run live`, `setPaused true`. */
  readonly label: string;
  readonly signal: AbortSignal | null;
  readonly settle: (answer: Answer) => void;
}

const REFUSED = new Error('the database does not answer');

/** Operations whose promises stay open until the test settles them. */
export class GatedOperations implements ProjectionOperations {
  readonly running: RunningOperation[] = [];
  /** Labels of all operations that have begun. */
  readonly begun: string[] = [];
  /** Each operation that a command can request, and the id of the command that it was given. */
  readonly commands: (readonly [string, string | null])[] = [];
  /** Called when an operation begins, before it is counted. */
  onBegin: (label: string) => void = () => undefined;

  open(signal: AbortSignal) {
    return this.#begin<Awaited<ReturnType<ProjectionOperations['open']>>>('open', 'open', signal);
  }

  run(mode: string, signal: AbortSignal) {
    return this.#begin<RunOutcome>('run', `run ${mode}`, signal);
  }

  reset(command: PendingCommand | null) {
    this.commands.push(['reset', command?.id ?? null]);
    return this.#begin<Awaited<ReturnType<ProjectionOperations['reset']>>>('reset', 'reset', null);
  }

  setPaused(paused: boolean, command: PendingCommand | null) {
    this.commands.push([`setPaused ${paused}`, command?.id ?? null]);
    return this.#begin<Awaited<ReturnType<ProjectionOperations['setPaused']>>>(
      'setPaused',
      `setPaused ${paused}`,
      null,
    );
  }

  skip(command: PendingCommand | null) {
    this.commands.push(['skip', command?.id ?? null]);
    return this.#begin<void>('skip', 'skip', null);
  }

  #begin<T>(name: keyof ProjectionOperations, label: string, signal: AbortSignal | null): Promise<T> {
    this.onBegin(label);
    this.begun.push(label);
    return new Promise<T>((resolve, reject) => {
      const operation: RunningOperation = {
        name,
        label,
        signal,
        settle: (answer) => {
          this.running.splice(this.running.indexOf(operation), 1);
          if (answer === 'rejected') reject(REFUSED);
          else resolve(OUTCOMES[answer] as T);
        },
      };
      this.running.push(operation);
    });
  }
}

export interface Rig {
  readonly actor: ActorRefFrom<typeof projectionMachine>;
  readonly operations: GatedOperations;
  readonly clock: SimulatedClock;
  readonly errors: unknown[];
}

/** The real machine, running, with gated operations and a clock that the test moves. */
export function createRig(machine: typeof projectionMachine = projectionMachine): Rig {
  const operations = new GatedOperations();
  const clock = new SimulatedClock();
  const errors: unknown[] = [];
  const actor = createActor(machine, {
    clock,
    input: { name: 'band', operations, retryFailedAfterMs: 1000, backoff: { baseMs: 200, capMs: 30_000 } },
  });
  actor.subscribe({ error: (error) => errors.push(error) });
  actor.start();
  return { actor, operations, clock, errors };
}

export function leafOf({ actor }: Pick<Rig, 'actor'>): Leaf {
  const { value } = actor.getSnapshot();
  return (typeof value === 'string' ? value : Object.entries(value).flat().join('.')) as Leaf;
}

/** Whether this answer can come from this operation. */
export function fits(operation: Pick<RunningOperation, 'name'>, answer: Answer): boolean {
  return answer === 'rejected' || answer.startsWith(`${operation.name}:`);
}

/** Lets every promise that has been settled reach the machine. */
export function delivered(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Longer than every backoff, every wait of a look-up and the wait between attempts. */
export const LONG_MS = 60_000;
