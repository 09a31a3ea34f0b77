import type { ProjectionActor } from '../../machines/daemon.ts';
import { stateOf } from '../../machines/state-names.ts';
import type { PendingCommand } from '../core/command.ts';
import { EngineError } from '../core/errors.ts';
import { COMMAND_EVENTS } from '../core/operator-commands/command-definition.ts';
import { operatorCommand } from '../core/operator-commands/command-registry.ts';
import type { ProjectionState } from '../core/status.ts';

/** How the machine has answered a command. */
export interface Delivered {
  /** Null when it was carried out. */
  readonly error: unknown;
  /** What it led to. */
  readonly state: ProjectionState;
}

/**
 * Sends a command to a projection's machine, as the event that its definition names, and waits until the machine says how
 * its operation ended, as long as that takes. One command at a time, and only what the machine `can`.
 * @throws EngineError DAEMON_STOPPED when the machine stops or has stopped; what the actor died of
 */
export async function deliver(child: ProjectionActor, command: PendingCommand): Promise<Delivered> {
  // It would drop the event without a word, and never call back.
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
      // The event is emitted on the way out of the old state: the new one stands a moment later.
      queueMicrotask(() => resolve({ error, state: stateOf(child.getSnapshot()) }));
    });
    const gone = (error: unknown): void => {
      finish();
      reject(error);
    };
    const states = child.subscribe({
      next: (snapshot) => {
        if (snapshot.matches({ idle: 'stopped' })) gone(new EngineError('DAEMON_STOPPED'));
      },
      error: gone,
      // Stopped from outside, as the daemon does with one whose operation hangs.
      complete: () => gone(new EngineError('DAEMON_STOPPED')),
    });
    function finish(): void {
      settled.unsubscribe();
      states.unsubscribe();
    }
    child.send({ type, command });
  });
}
