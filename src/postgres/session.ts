import { Client, type ClientBase, DatabaseError, type QueryResult } from 'pg';
import { EngineError } from '../core/errors.ts';
import { answerOf } from './answer-watch.ts';
import { isConnectionLost, ofOurDatabase } from './errors.ts';
import { ENGINE_SAVEPOINT } from './guarded-statement.ts';
import { toParameter } from './parameters.ts';
import { PreparedQuery } from './prepared-query.ts';
import { pooled } from './session-proof.ts';
import { type ChangedRows, Identifier, type Rendered, type Run, type RunOptions, Statement } from './sql.ts';

type Rows = readonly object[];

/** Where a statement may be made: over a pool, on one connection, or in a transaction. */
export interface Queryable {
  /** A statement with its parameters: sql`SELECT … WHERE id = ${id}`. A statement in a hole becomes a part of it. */
  <T extends Rows = Record<string, unknown>[]>(text: TemplateStringsArray, ...holes: readonly unknown[]): Statement<T>;
  /** A name (or several, with commas) for a hole, quoted. */
  (names: string | readonly string[]): Identifier;
  /** A text as it is. Without values it may hold several statements; then there are no rows. */
  unsafe<T extends Rows = Record<string, unknown>[]>(
    text: string,
    values?: readonly unknown[],
    options?: { readonly prepare?: boolean; readonly changes?: ChangedRows | undefined },
  ): Statement<T>;
}

/** A transaction. Statements are sent in the order they are made, without waiting for each other's answers. */
export interface Tx extends Queryable {
  /** What `work` did is undone when it rejects; the transaction goes on. */
  savepoint<T>(work: (tx: Tx) => Promise<T> | T): Promise<T>;
}

export function queryable(run: Run): Queryable {
  const make = (first: TemplateStringsArray | string | readonly string[], ...holes: readonly unknown[]): unknown =>
    isTemplate(first) ? new Statement(run, first, holes, true) : new Identifier(first);
  const unsafe: Queryable['unsafe'] = <T extends Rows>(
    text: string,
    values: readonly unknown[] = [],
    { prepare = false, changes }: { readonly prepare?: boolean; readonly changes?: ChangedRows | undefined } = {},
  ) => {
    const literal: Run = (_, options) => run({ text, values }, { ...options, changes });
    return new Statement<T>(literal, [text], [], prepare);
  };
  return Object.assign(make as Queryable, { unsafe });
}

function isTemplate(first: TemplateStringsArray | string | readonly string[]): first is TemplateStringsArray {
  return typeof first === 'object' && Object.hasOwn(first, 'raw');
}

/**
 * Runs `work` in a transaction on this connection. When the connection is lost this rejects at once, whatever `work`
 * waits for; from its end on, statements are refused.
 * @throws what `work` throws; the driver's error; COMMIT_REFUSED when the server answers COMMIT with a rollback
 */
export async function runTransaction<T>(
  client: ClientBase,
  options: string,
  work: (tx: Tx) => Promise<T> | T,
): Promise<T> {
  // Made when somebody asks for it: a stack trace for every transaction that ends well would be dear.
  let refusal: (() => Error) | null = null;
  const run: Run = async (rendered, how) => {
    if (refusal !== null) throw refusal();
    return (await send(client, rendered, how)).rows;
  };
  const command = async (text: string) => (await send(client, { text, values: [] }, PLAIN)).command;
  const loss = watchLoss(client);
  try {
    // Not waited for, so that it travels with the first statement. On a connection that is in no transaction the server
    // has no reason to refuse it; if it does, nothing of `work` is believed.
    const begun = Promise.all(begin(client, options)).then(() => loss.lost);
    const result = await Promise.race([begun, work(transaction(run, { savepoints: 0 })), loss.lost]);
    refusal = over;
    if ((await command('COMMIT')) !== 'COMMIT') throw new EngineError('COMMIT_REFUSED');
    return result;
  } catch (error) {
    refusal ??= isConnectionLost(error) ? () => connectionLost(error) : over;
    await command('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    loss.stop();
  }
}

/**
 * What a transaction begins with, sent at once. Behind a pooler its session may be any, set as others left it.
 */
function begin(client: ClientBase, options: string): readonly Promise<Answer>[] {
  const prelude = pooled.get(client);
  const texts = [`BEGIN ${options === '' ? READ_COMMITTED : options}`, ...(prelude === undefined ? [] : [prelude])];
  return texts.map((text) => send(client, { text, values: [] }, PLAIN));
}

const READ_COMMITTED = 'ISOLATION LEVEL READ COMMITTED';

/** One statement outside of any transaction; behind a pooler in one of its own, in the same round trip. */
export async function sendAlone(client: ClientBase, rendered: Rendered, options: RunOptions): Promise<Answer> {
  if (!pooled.has(client)) return await send(client, rendered, options);
  // What cannot be a parameter is refused before anything is sent.
  const values = rendered.values.map(toParameter);
  const begun = begin(client, '');
  const sent = [...begun, send(client, { ...rendered, values }, options)];
  const ended = send(client, { text: 'COMMIT', values: [] }, PLAIN);
  const outcomes = await Promise.allSettled([...sent, ended]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  if ((await ended).command !== 'COMMIT') throw new EngineError('COMMIT_REFUSED');
  return await (sent.at(-1) as Promise<Answer>);
}

const over = (): Error => new EngineError('TRANSACTION_OVER');

function watchLoss(client: ClientBase): { readonly lost: Promise<never>; readonly stop: () => void } {
  let onError = (_error: Error): void => undefined;
  const lost = new Promise<never>((_, reject) => {
    onError = (error) => reject(toError(error));
  });
  lost.catch(() => undefined);
  client.on('error', onError);
  return { lost, stop: () => client.off('error', onError) };
}

function transaction(run: Run, count: { savepoints: number }): Tx {
  const command = (text: string) => run({ text, values: [] }, PLAIN);
  return Object.assign(queryable(run), {
    savepoint: async <T>(work: (tx: Tx) => Promise<T> | T): Promise<T> => {
      count.savepoints += 1;
      const name = `${ENGINE_SAVEPOINT}${count.savepoints}`;
      await command(`SAVEPOINT ${name}`);
      try {
        const result = await work(transaction(run, count));
        await command(`RELEASE ${name}`);
        return result;
      } catch (error) {
        await command(`ROLLBACK TO ${name}`).catch((lost: unknown) => {
          // With the connection everything is undone, and what `work` says of the reason is worth more.
          if (!isConnectionLost(lost)) throw lost;
        });
        throw error;
      }
    },
  });
}

const PLAIN: RunOptions = { prepare: false, arrays: false };

/** Sends one statement over this connection. @throws the server's error, or one whose code says the connection is lost */
export function send(client: ClientBase, { text, values }: Rendered, options: RunOptions): Promise<Answer> {
  // A pooler may have the text prepared in another session than the one that gets to run it.
  const prepare = options.prepare && !pooled.has(client);
  const query = {
    text,
    // With values the driver takes the extended protocol; the simple one is for several statements in one text.
    ...((values.length > 0 || prepare) && { values: values.map(toParameter) }),
    // Also where the text turns out to be too long for a plan that is kept.
    ...(prepare && { queryMode: 'extended' }),
    ...(options.arrays && { rowMode: 'array' as const }),
  };
  const ask = () =>
    new Promise<Answer>((resolve, reject) => {
      gatherWrites(client);
      const answered = (error: Error | null | undefined, result: QueryResult | readonly QueryResult[]): void => {
        const { changes } = options;
        const written = !error && isOne(result) ? (result.rowCount ?? 0) : 0;
        if (error) reject(toError(error));
        else if (typeof changes === 'number' && written !== changes) {
          reject(new EngineError('ROWS_NOT_WRITTEN', { statement: text, written, wanted: changes }));
        } else {
          if (typeof changes === 'function') changes(written);
          resolve(isOne(result) ? { rows: result.rows, command: result.command } : { rows: [], command: '' });
        }
      };
      if (prepare) client.query(new PreparedQuery(query, answered));
      else client.query(query, answered);
    });
  return answerOf(client, ask);
}

const gathering = new WeakSet<ClientBase>();

/** What is sent in one turn of the loop leaves in one write: a system call costs more than a statement's bytes. */
function gatherWrites(client: ClientBase): void {
  if (!(client instanceof Client) || gathering.has(client)) return;
  const { stream } = client.connection;
  gathering.add(client);
  stream.cork();
  process.nextTick(() => {
    gathering.delete(client);
    stream.uncork();
  });
}

interface Answer {
  readonly rows: readonly unknown[];
  readonly command: string;
}

function isOne(result: QueryResult | readonly QueryResult[]): result is QueryResult {
  return !Array.isArray(result);
}

/** The driver says by words alone that a connection is gone ("Connection terminated unexpectedly", "Query read timeout"). */
export function toError(error: Error): Error {
  const plain = error.constructor === Error && Reflect.get(error, 'code') === undefined;
  // Without a password it does not begin to log in, and says so in terms of the protocol.
  if (plain && error.message.startsWith('SASL')) {
    const refused = new Error('the server asks for a password, and none is given', { cause: error });
    return ofOurDatabase(Object.assign(refused, { code: '28P01' }));
  }
  return plain && !(error instanceof DatabaseError) ? connectionLost(error) : ofOurDatabase(error);
}

function connectionLost(cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const lost = new Error(`the connection to PostgreSQL was lost: ${reason}`, { cause });
  return ofOurDatabase(Object.assign(lost, { code: 'CONNECTION_CLOSED' }));
}
