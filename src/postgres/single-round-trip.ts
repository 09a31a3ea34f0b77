import { type ClientBase, type Connection, Query } from 'pg';
import { EngineError } from '../core/errors.ts';
import { answerOf } from './answer-watch.ts';
import { toParameter } from './parameters.ts';
import { prepareOn, rememberParsed } from './prepared-query.ts';
import { send, toError } from './session.ts';
import { pooled } from './session-proof.ts';
import type { Rendered } from './sql.ts';

/**
 * A whole transaction in one write and one round trip, for statements whose rows nobody wants. One Sync ends all of it,
 * so the server leaves out everything after the first error, COMMIT too, and BEGIN is no exception: were it refused, none
 * of the rest would run by itself. (The protocol's pipelining; the driver's own ends every statement with a Sync, after
 * which the next one runs whatever became of the one before.)
 * @throws the first error, everything rolled back; one of the connection, after which the outcome is unknown
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
        client.query(new AtOnce(messages, prepares, (error, done) => (error ? reject(error) : resolve(done))));
      });
    const tag = await answerOf(client, ask);
    if (tag !== 'COMMIT') throw new EngineError('COMMIT_REFUSED');
  } catch (error) {
    // Always: what the driver knows of the session is from before.
    await send(client, { text: 'ROLLBACK', values: [] }, { prepare: false, arrays: false }).catch(() => undefined);
    throw error instanceof Error ? toError(error) : error;
  }
}

interface Message {
  readonly text: string;
  readonly values: (string | Buffer | null)[];
}

/**
 * What the driver calls as the answers to its messages come in. How it ends is left to the driver's own code, errors and
 * the end of everything alike: only that stops a timer which the driver may have set for the answer (`query_timeout`). An
 * end of our own left it running, and when it fired it destroyed a connection that had been well all the time.
 */
class AtOnce extends Query {
  readonly #messages: readonly Message[];
  readonly #prepares: boolean;
  /** What was bound by name, once it was sent. */
  readonly #bound: { readonly connection: Connection; readonly name: string; readonly text: string }[] = [];
  #tag = '';

  constructor(messages: readonly Message[], prepares: boolean, done: (error: Error | undefined, tag: string) => void) {
    super({ text: '' }, (error) => {
      // Everything went well: what was sent by name is prepared.
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
