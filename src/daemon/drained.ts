import type { Actor } from 'xstate';
import type { daemonMachine } from '../../machines/daemon.ts';

/** Until a supervisor that was told to STOP has stopped. The machine bounds its own draining, so this ends. */
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
