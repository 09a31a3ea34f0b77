import { Client, type ClientBase, type Connection, Query, type QueryConfig, type QueryResult } from 'pg';
import { PlanNames } from './plan-names.ts';

/** The driver's own account of what the server has parsed, by name. */
interface Parsed {
  readonly parsedStatements: Record<string, string>;
  readonly submittedNamedStatements: Record<string, string>;
}

interface Account {
  readonly names: PlanNames;
  readonly onEvict: () => void;
}

const accounts = new WeakMap<Connection, Account>();

/** Reports what has to make room on this session. */
export function watchEvictions(client: ClientBase, onEvict: () => void): void {
  if (client instanceof Client) accounts.set(client.connection, { names: new PlanNames(), onEvict });
}

/**
 * The name to bind a text by; empty: it is planned each time. Called while its messages are written: what makes room for
 * it is closed, and what the server may not have is parsed, in the order of the messages.
 * @param parses whether a Parse is to be written here; else the driver writes it
 */
export function prepareOn(connection: Connection, text: string, parses: boolean): string {
  const account = accounts.get(connection) ?? { names: new PlanNames(), onEvict: () => undefined };
  accounts.set(connection, account);
  const named = account.names.use(text);
  for (const name of named?.evicted ?? []) {
    connection.close({ type: 'S', name }, true);
    delete parsedOn(connection).parsedStatements[name];
    delete parsedOn(connection).submittedNamedStatements[name];
    account.onEvict();
  }
  const name = named?.name ?? '';
  const { parsedStatements, submittedNamedStatements } = parsedOn(connection);
  if (name !== '' && (parsedStatements[name] ?? submittedNamedStatements[name]) !== undefined) return name;
  // After an error of a whole transaction nobody knows which of its texts were parsed; to close what is not there is no
  // error, and to parse what is there would be one.
  if (name !== '') connection.close({ type: 'S', name }, true);
  if (parses) connection.parse({ name, text, types: [] }, true);
  return name;
}

/** The server has run it, so it has parsed it. */
export function rememberParsed(connection: Connection, name: string, text: string): void {
  // It may have made room for one that came after it.
  if (accounts.get(connection)?.names.has(text)) parsedOn(connection).parsedStatements[name] = text;
}

function parsedOn(connection: Connection): Parsed {
  return connection as Connection & Parsed;
}

type Answered = (error: Error | null | undefined, result: QueryResult | readonly QueryResult[]) => void;

/** One statement that is prepared on the session, with room made for it. */
export class PreparedQuery extends Query {
  /** The driver reads it when the messages are written. */
  name: string | undefined;
  readonly #text: string;

  constructor(config: QueryConfig, callback: Answered) {
    super(config, callback);
    this.#text = config.text;
  }

  override submit = (connection: Connection): unknown => {
    this.name = prepareOn(connection, this.#text, false) || undefined;
    // The driver looks at what it returns: an error, where nothing was written.
    return Query.prototype.submit.call(this, connection);
  };
}
