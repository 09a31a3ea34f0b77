import { type EmbeddedOptions, type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/start.ts';
import type { ServerChange } from '../../src/embedded/supervisor.ts';
import { until } from '../../src/embedded/wait.ts';
import { connect, type DatabaseAddress } from '../../src/postgres/pool.ts';

export interface Started extends EmbeddedPostgres, AsyncDisposable {
  /** The changes of the server that were reported since the start. */
  readonly changes: readonly ServerChange[];
}

/** A throw-away server of the platform package that is stopped at the end of the block. */
export async function started(options: EmbeddedOptions): Promise<Started> {
  const changes: ServerChange[] = [];
  const onChange = (change: ServerChange) => changes.push(change);
  const server = await startEmbeddedPostgres({ throwAway: true, systemFolders: [], onChange, ...options });
  return { ...server, changes, [Symbol.asyncDispose]: () => server.stop() };
}

/** The first of that kind from the `from`th change on. */
export async function change<Kind extends ServerChange['kind']>(server: Started, kind: Kind, from = 0) {
  const ofKind = (one: ServerChange): one is ServerChange & { readonly kind: Kind } => one.kind === kind;
  const change = await until(async () => server.changes.slice(from).find(ofKind), { withinMs: 40_000 });
  if (change === undefined) throw new Error(`no '${kind}' came: ${JSON.stringify(server.changes)}`);
  return change;
}

export function pool(address: DatabaseAddress, max = 1) {
  return connect({ address, applicationName: 'test', max });
}

export async function query(
  server: EmbeddedPostgres,
  text: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const sql = pool(server.connection);
  try {
    return [...(await sql.unsafe(text))];
  } finally {
    await sql.end();
  }
}
