import { type ClientBase, type Connection, Query } from 'pg';
import { EngineError } from '../core/errors.ts';
import { answerOf } from './answer-watch.ts';
import { toParameter } from './parameters.ts';
import { prepareOn, rememberParsed } from './prepared-query.ts';
import { send, toError } from './session.ts';
import { pooled } from './session-proof.ts';
import type { Rendered } from './sql.ts';

/**
 * Runs a whole transaction in one write and one round trip, for statements whose rows are not needed. One Sync ends all
 * messages, so the server skips everything after the first error, COMMIT included. That holds for BEGIN too: if it fails, no
 * statement runs outside of a transaction. (This is the pipelining of the protocol. The driver's own pipelining ends every
 * statement with a Sync, so that the next one runs also after an error.)
 * @throws the first error, after everything was rolled back; an error of the connection, after which the outcome is unknown
 */
export async function runInOneRoundTrip(
  client: ClientBase,
  options: string,
  statements: readonly Rendered[],
): Promise<void> {
  const prelude = pooled.get(client);
  const begin = [`BEGIN ${options}`, ...(prelude === undefined ? [] : [prelude])].map((text) => ({ text, values: [] }));
  const all = [...begin, ...statements, { text: 'COMMIT', values: [] }];
  const messages = all.map(({ text, values }) => ({ text, values: values.map(toParameter) }));
  // Behind a pooler the next transaction may be in another session, which has prepared nothing.
  const prepares = prelude === undefined;
  try {
    const ask = () =>
      new Promise<string>((resolve, reject) => {
        client.query(new SingleRoundTrip(messages, prepares, (error, done) => (error ? reject(error) : resolve(done))));
      });
    const tag = await answerOf(client, ask);
    if (tag !== 'COMMIT') throw new EngineError('COMMIT_REFUSED');
  } catch (error) {
    // Always: the transaction status that the driver knows is older than this transaction.
    await send(client, { text: 'ROLLBACK', values: [] }, { prepare: false, arrays: false }).catch(() => undefined);
    throw error instanceof Error ? toError(error) : error;
  }
}

interface Message {
  readonly text: string;
  readonly values: (string | Buffer | null)[];
}

/**
 * The driver calls these methods as the answers to the messages arrive. The end of the query and its errors are left to
 * the driver's own code, which also stops a timer that the driver may have set for the answer (`query_timeout`). With
 * handlers of our own the timer went on, and destroyed a healthy connection when it fired.
 */
class SingleRoundTrip extends Query {
  readonly #messages: readonly Message[];
  readonly #prepares: boolean;
  /** The statements that were bound by name, in the order in which they were sent. */
  readonly #bound: { readonly connection: Connection; readonly name: string; readonly text: string }[] = [];
  #tag = '';

  constructor(messages: readonly Message[], prepares: boolean, done: (error: Error | undefined, tag: string) => void) {
    super({ text: '' }, (error) => {
      // The server has run every statement, so those with a name are prepared.
      if (!error) for (const { connection, name, text } of this.#bound) rememberParsed(connection, name, text);
      done(error, this.#tag);
    });
    this.#messages = messages;
    this.#prepares = prepares;
  }

  override submit = (connection: Connection): void => {
    connection.stream.cork();
    for (const { text, values } of this.#messages) {
      const name = this.#prepares ? prepareOn(connection, text, true) : '';
      if (name !== '') this.#bound.push({ connection, name, text });
      else if (!this.#prepares) connection.parse({ name, text, types: [] }, true);
      connection.bind({ statement: name, values }, true);
      connection.execute(null, true);
    }
    connection.sync();
    connection.stream.uncork();
  };

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#tag = text;
  }
}
