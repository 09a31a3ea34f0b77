import type { Observer } from '../../../machines/observers.ts';
import type { Config } from '../../config/read-config.ts';
import { type Connections, openConnections } from '../../inspect/connections.ts';
import { Hub } from '../../inspect/hub.ts';
import { openStatelyInspector } from '../../inspect/stately.ts';

/** What `INSPECT` asks for. */
export interface Inspector {
  /** For every actor; undefined where nobody may look. */
  readonly observe: Observer | undefined;
  /** For the control API. */
  readonly connections: Connections | undefined;
  close(): void;
}

/** @throws EngineError INSPECTOR_MISSING */
export async function openInspector({
  inspect,
  inspectUrl,
}: Pick<Config, 'inspect' | 'inspectUrl'>): Promise<Inspector> {
  if (inspect === 'off') return { observe: undefined, connections: undefined, close: () => undefined };
  const stock = inspect === 'stock' ? await openStatelyInspector(inspectUrl ?? 'ws://localhost:8080') : null;
  const hub = new Hub({ texts: inspect === 'details' });
  const connections = openConnections(hub);
  return {
    observe: (event) => {
      hub.observe(event);
      stock?.observe(event);
    },
    connections,
    close: () => {
      stock?.stop();
      connections.close();
    },
  };
}
