import type { Actor } from 'xstate';
import type { daemonMachine } from '../../machines/daemon.ts';

/** Resolves when a supervisor that was sent STOP has stopped. The machine bounds the time of its draining. */
export function drained(root: Actor<typeof daemonMachine>): Promise<void> {
  return new Promise((resolve) => {
    const subscription = root.subscribe({
      next: (snapshot) => {
        if (snapshot.matches('stopped')) finish();
      },
      error: () => finish(),
      complete: () => finish(),
    });
    function finish(): void {
      queueMicrotask(() => subscription.unsubscribe());
      resolve();
    }
    if (root.getSnapshot().matches('stopped') || root.getSnapshot().status !== 'active') finish();
  });
}
