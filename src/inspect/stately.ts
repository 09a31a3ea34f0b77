import type { StatelyInspectionEvent } from '@statelyai/inspect';
import type { Observer } from '../../machines/observers.ts';
import { EngineError } from '../core/errors.ts';
import { redactEvent, redactSnapshot } from './redact.ts';

/** Stately's own inspector under way: it sends to a server of theirs, which may show it in their online viewer. */
export interface StatelyInspector {
  readonly observe: Observer;
  stop(): void;
}

/**
 * `createWebSocketInspector` of `@statelyai/inspect`, with the same allow-list as the hub's. What it lacks stands in
 * docs/inspector.md: it tells latecomers nothing, and does not come back when its server has gone.
 * @param url a server of the package, `ws://localhost:8080`
 * @throws EngineError INSPECTOR_MISSING
 */
export async function openStatelyInspector(url: string): Promise<StatelyInspector> {
  const { createWebSocketInspector } = await import('@statelyai/inspect').catch((error: unknown) => {
    throw new EngineError('INSPECTOR_MISSING', {}, { cause: error });
  });
  const inspector = createWebSocketInspector({ url, serialize: shown });
  return { observe: (event) => inspector.inspect.next?.(event), stop: () => inspector.stop() };
}

/** Called from a timer, where an exception would end the process. */
function shown(message: StatelyInspectionEvent): StatelyInspectionEvent {
  return {
    ...message,
    ...('snapshot' in message && { snapshot: JSON.parse(redactSnapshot(message.snapshot, false)) }),
    ...('event' in message && { event: JSON.parse(redactEvent(message.event, false)) }),
  };
}
