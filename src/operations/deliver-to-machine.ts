import type { ProjectionActor } from '../../machines/daemon.ts';
import { stateOf } from '../../machines/state-names.ts';
import type { PendingCommand } from '../core/command.ts';
import { EngineError } from '../core/errors.ts';
import { COMMAND_EVENTS } from '../core/operator-commands/command-definition.ts';
import { operatorCommand } from '../core/operator-commands/command-registry.ts';
import type { ProjectionState } from '../core/status.ts';

/** How the machine's operation for a command ended. */
export interface Delivered {
  /** Null when it was carried out. */
  readonly error: unknown;
  /** The state that the projection reached. */
  readonly state: ProjectionState;
}

/**
 * Sends a command to a projection's machine, as the event that its definition names, and waits until the machine emits how
 * its operation ended. The wait has no bound of its own: the operation has one. The caller delivers one command at a time,
 * and only an event that the machine `can` take.
 * @throws EngineError DAEMON_STOPPED when the machine stops or has stopped; the error with which the actor died
 */
export async function deliver(child: ProjectionActor, command: PendingCommand): Promise<Delivered> {
  // A stopped actor drops the event silently, and this promise would never settle.
  if (child.getSnapshot().status !== 'active') throw new EngineError('DAEMON_STOPPED');
  const { machineEvent: type } = operatorCommand(command.event);
  if (!COMMAND_EVENTS[type].settles) {
    child.send({ type, command });
    return { error: null, state: stateOf(child.getSnapshot()) };
  }
  return await new Promise<Delivered>((resolve, reject) => {
    const settled = child.on('settled', ({ command: ended, error }) => {
      if (ended !== type) return;
      finish();
      // The machine emits the event while it leaves the old state; the snapshot has the new one after this microtask.
      queueMicrotask(() => resolve({ error, state: stateOf(child.getSnapshot()) }));
    });
    const fail = (error: unknown): void => {
      finish();
      reject(error);
    };
    const states = child.subscribe({
      next: (snapshot) => {
        if (snapshot.matches({ idle: 'stopped' })) fail(new EngineError('DAEMON_STOPPED'));
      },
      error: fail,
      // The daemon stops an actor from outside when its operation hangs.
      complete: () => fail(new EngineError('DAEMON_STOPPED')),
    });
    function finish(): void {
      settled.unsubscribe();
      states.unsubscribe();
    }
    child.send({ type, command });
  });
}
