import type { ProjectionActor } from '../../machines/daemon.ts';
import { describeError } from '../core/describe-error.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import type { CommandOutcome, OperatorEvent } from '../core/status.ts';
import { fullStateOf, stateOf } from './status.ts';

const TIMEOUT_MS = 30_000;

/**
 * Sends an operator's event to a projection's machine and waits until the machine says how it ended.
 * @throws EngineError COMMAND_TIMEOUT, DAEMON_STOPPED; the signal's reason when it is aborted
 */
export async function sendCommand(
  child: ProjectionActor,
  name: string,
  event: OperatorEvent,
  { signal, timeoutMs = TIMEOUT_MS }: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
): Promise<CommandOutcome> {
  signal?.throwIfAborted();
  const before = child.getSnapshot();
  if (!before.can({ type: event })) {
    const refused = new EngineError('COMMAND_REFUSED', { event, name, state: fullStateOf(before) });
    return { kind: 'failed', code: refused.code, message: refused.message };
  }
  return await new Promise<CommandOutcome>((resolve, reject) => {
    const timer = setTimeout(() => {
      finish();
      const state = fullStateOf(child.getSnapshot());
      reject(new EngineError('COMMAND_TIMEOUT', { name, event, ms: timeoutMs, state }));
    }, timeoutMs);
    // A reset that is under way is not the one asked for now: that one follows it.
    let others = event === 'RESET' && before.matches('resetting') ? 1 : 0;
    const settled = child.on('settled', ({ command, error, warning }) => {
      if (command !== event || others-- > 0) return;
      finish();
      // The event is emitted on the way out of the old state: the new one stands a moment later.
      queueMicrotask(() => resolve(toOutcome({ error, warning }, child)));
    });
    const states = child.subscribe({
      next: (snapshot) => {
        if (!snapshot.matches({ idle: 'stopped' })) return;
        finish();
        reject(new EngineError('DAEMON_STOPPED'));
      },
      error: (error) => {
        finish();
        reject(error);
      },
      // Stopped from outside, as the daemon does with one whose operation hangs.
      complete: () => {
        finish();
        reject(new EngineError('DAEMON_STOPPED'));
      },
    });
    const aborted = (): void => {
      finish();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', aborted, { once: true });
    function finish(): void {
      clearTimeout(timer);
      settled.unsubscribe();
      states.unsubscribe();
      signal?.removeEventListener('abort', aborted);
    }
    child.send({ type: event });
  });
}

function toOutcome(
  { error, warning }: { readonly error: unknown; readonly warning: string | null },
  child: ProjectionActor,
): CommandOutcome {
  if (error === null)
    return { kind: 'done', state: stateOf(child.getSnapshot()), ...(warning !== null && { warning }) };
  return { kind: 'failed', code: isEngineError(error) ? error.code : 'COMMAND_REFUSED', message: describeError(error) };
}
