import type { StatelyInspectionEvent } from '@statelyai/inspect';
import type { Observer } from '../../machines/observers.ts';
import { EngineError } from '../core/errors.ts';
import { redactEvent, redactSnapshot } from './redact.ts';

/** Stately's own inspector, connected: it sends to a server of that package, which may show it in Stately's online viewer. */
export interface StatelyInspector {
  readonly observe: Observer;
  stop(): void;
}

/**
 * `createWebSocketInspector` of `@statelyai/inspect`, with the same allow-list as the hub. docs/inspector.md has its limits:
 * it sends nothing to clients that join late, and does not reconnect to its server.
 * @param url a server of the package, `ws://localhost:8080`
 * @throws EngineError INSPECTOR_MISSING
 */
export async function openStatelyInspector(url: string): Promise<StatelyInspector> {
  const { createWebSocketInspector } = await import('@statelyai/inspect').catch((error: unknown) => {
    throw new EngineError('INSPECTOR_MISSING', {}, { cause: error });
  });
  const inspector = createWebSocketInspector({ url, serialize: redacted });
  return { observe: (event) => inspector.inspect.next?.(event), stop: () => inspector.stop() };
}

/** Called from a timer, where an exception would end the process. */
function redacted(message: StatelyInspectionEvent): StatelyInspectionEvent {
  return {
    ...message,
    ...('snapshot' in message && { snapshot: JSON.parse(redactSnapshot(message.snapshot, false)) }),
    ...('event' in message && { event: JSON.parse(redactEvent(message.event, false)) }),
  };
}
