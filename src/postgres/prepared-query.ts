import { Client, type ClientBase, type Connection, Query, type QueryConfig, type QueryResult } from 'pg';
import { parsedOn } from './driver.ts';
import { PlanNames } from './plan-names.ts';

interface PlanCache {
  readonly names: PlanNames;
  readonly onEvict: () => void;
}

const caches = new WeakMap<Connection, PlanCache>();

/** Calls `onEvict` for each prepared statement of the session that is closed to make room. */
export function watchEvictions(client: ClientBase, onEvict: () => void): void {
  if (client instanceof Client) caches.set(client.connection, { names: new PlanNames(), onEvict });
}

/**
 * Returns the name to bind a text by; '' for a text that is planned each time. Call it while the messages of the statement
 * are written: it writes a Close for each evicted statement, and a Parse if the server may not have the text.
 * @param parses whether to write the Parse here; otherwise the driver writes it
 */
export function prepareOn(connection: Connection, text: string, parses: boolean): string {
  const cache = caches.get(connection) ?? { names: new PlanNames(), onEvict: () => undefined };
  caches.set(connection, cache);
  const named = cache.names.use(text);
  for (const name of named?.evicted ?? []) {
    connection.close({ type: 'S', name }, true);
    delete parsedOn(connection).parsedStatements[name];
    delete parsedOn(connection).submittedNamedStatements[name];
    cache.onEvict();
  }
  const name = named?.name ?? '';
  const { parsedStatements, submittedNamedStatements } = parsedOn(connection);
  if (name !== '' && (parsedStatements[name] ?? submittedNamedStatements[name]) !== undefined) return name;
  // After a transaction in one round trip has failed it is unknown which of its texts were parsed. A Close of a statement
  // that does not exist is no error, but a Parse of one that exists is.
  if (name !== '') connection.close({ type: 'S', name }, true);
  if (parses) connection.parse({ name, text, types: [] }, true);
  return name;
}

/** Records that the server has parsed the text, because it has run it. */
export function rememberParsed(connection: Connection, name: string, text: string): void {
  // A later statement may have evicted it.
  if (caches.get(connection)?.names.has(text)) parsedOn(connection).parsedStatements[name] = text;
}

type Callback = (error: Error | null | undefined, result: QueryResult | readonly QueryResult[]) => void;

/** One statement that is prepared on its session. Older statements are closed to make room for it. */
export class PreparedQuery extends Query {
  /** The driver reads the name when it writes the messages. */
  name: string | undefined;
  readonly #text: string;

  constructor(config: QueryConfig, callback: Callback) {
    super(config, callback);
    this.#text = config.text;
  }

  override submit = (connection: Connection): unknown => {
    this.name = prepareOn(connection, this.#text, false) || undefined;
    // The driver checks the return value: an error if nothing was written.
    return Query.prototype.submit.call(this, connection);
  };
}
