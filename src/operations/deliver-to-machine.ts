import type { ProjectionActor } from '../../machines/daemon.ts';
import { stateOf } from '../../machines/state-names.ts';
import { EngineError } from '../core/errors.ts';
import type { OperatorEvent, ProjectionState } from '../core/status.ts';

/** How the machine has answered a command. */
export interface Delivered {
  /** Null when it was carried out. */
  readonly error: unknown;
  /** What it led to. */
  readonly state: ProjectionState;
}

/**
 * Sends an operator's event to a projection's machine and waits until the machine says how it ended: as long as that
 * takes, one at a time, and only what the machine `can`.
 * @throws EngineError DAEMON_STOPPED when the machine stops or has stopped; what the actor died of
 */
export async function deliver(child: ProjectionActor, event: OperatorEvent): Promise<Delivered> {
  // It would drop the event without a word, and never call back.
  if (child.getSnapshot().status !== 'active') throw new EngineError('DAEMON_STOPPED');
  return await new Promise<Delivered>((resolve, reject) => {
    const settled = child.on('settled', ({ command, error }) => {
      if (command !== event) return;
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
    child.send({ type: event });
  });
}
