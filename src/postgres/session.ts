import { Client, type ClientBase, DatabaseError, type QueryResult } from 'pg';
import { EngineError } from '../core/errors.ts';
import { answerOf } from './answer-watch.ts';
import { socketOf } from './driver.ts';
import { isConnectionLost, ofOurDatabase } from './errors.ts';
import { ENGINE_SAVEPOINT } from './guarded-statement.ts';
import { toParameter } from './parameters.ts';
import { PreparedQuery } from './prepared-query.ts';
import { pooled } from './session-proof.ts';
import { type ChangedRows, Identifier, type Rendered, type Run, type RunOptions, Statement } from './sql.ts';

type Rows = readonly object[];

/** Makes statements: over a pool, on one connection, or in a transaction. */
export interface Queryable {
  /** A statement with its parameters: sql`SELECT … WHERE id = ${id}`. A statement in a hole becomes a part of it. */
  <T extends Rows = Record<string, unknown>[]>(text: TemplateStringsArray, ...holes: readonly unknown[]): Statement<T>;
  /** One or more names for a hole, quoted and separated by commas. */
  (names: string | readonly string[]): Identifier;
  /** A statement from a plain text. Without values the text may hold several statements; then there are no rows. */
  unsafe<T extends Rows = Record<string, unknown>[]>(
    text: string,
    values?: readonly unknown[],
    options?: { readonly prepare?: boolean; readonly changes?: ChangedRows | undefined },
  ): Statement<T>;
}

/** A transaction. Statements are sent in order, without waiting for each other's answers. */
export interface Tx extends Queryable {
  /** Runs `work` in a savepoint. If it rejects, its changes are rolled back and the transaction goes on. */
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
 * Runs `work` in a transaction on this connection. If the connection is lost, this rejects immediately, also while `work`
 * waits for something else. Statements after the end of the transaction are refused.
 * @throws the error of `work`; the driver's error; EngineError COMMIT_REFUSED if the server answers COMMIT with a rollback
 */
export async function runTransaction<T>(
  client: ClientBase,
  options: string,
  work: (tx: Tx) => Promise<T> | T,
): Promise<T> {
  // A function: an error for every transaction that ends well would cost a stack trace.
  let refusal: (() => Error) | null = null;
  const run: Run = async (rendered, how) => {
    if (refusal !== null) throw refusal();
    return (await send(client, rendered, how)).rows;
  };
  const command = async (text: string) => (await send(client, { text, values: [] }, PLAIN)).command;
  const loss = watchLoss(client);
  try {
    // BEGIN is not awaited, so that it is sent together with the first statement. Outside of a transaction the server has no
    // reason to refuse it; if it does, the transaction rejects, whatever `work` returns.
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

/** Sends BEGIN, and behind a pooler the settings: there each transaction may run in another session, with other settings. */
function begin(client: ClientBase, options: string): readonly Promise<Answer>[] {
  const prelude = pooled.get(client);
  const texts = [`BEGIN ${options === '' ? READ_COMMITTED : options}`, ...(prelude === undefined ? [] : [prelude])];
  return texts.map((text) => send(client, { text, values: [] }, PLAIN));
}

const READ_COMMITTED = 'ISOLATION LEVEL READ COMMITTED';

/** Sends one statement outside of any transaction; behind a pooler in a transaction of its own, in one round trip. */
export async function sendAlone(client: ClientBase, rendered: Rendered, options: RunOptions): Promise<Answer> {
  if (!pooled.has(client)) return await send(client, rendered, options);
  // An invalid parameter is refused before anything is sent.
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
          // A lost connection rolls everything back, and the error of `work` says more about the cause.
          if (!isConnectionLost(lost)) throw lost;
        });
        throw error;
      }
    },
  });
}

const PLAIN: RunOptions = { prepare: false, arrays: false };

/** Sends one statement. @throws the server's error; one with the code of a lost connection; EngineError ROWS_NOT_WRITTEN */
export function send(client: ClientBase, { text, values }: Rendered, options: RunOptions): Promise<Answer> {
  // A pooler may run a statement in another session than the one that has prepared it.
  const prepare = options.prepare && !pooled.has(client);
  const query = {
    text,
    // With values the driver uses the extended protocol. Only the simple protocol allows several statements in one text.
    ...((values.length > 0 || prepare) && { values: values.map(toParameter) }),
    // Needed also for a text that turns out to be too long to be prepared.
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

const corked = new WeakSet<ClientBase>();

/** Sends all statements of one turn of the event loop in one write: a system call costs more than a statement's bytes. */
function gatherWrites(client: ClientBase): void {
  if (!(client instanceof Client) || corked.has(client)) return;
  const socket = socketOf(client);
  corked.add(client);
  socket.cork();
  process.nextTick(() => {
    corked.delete(client);
    socket.uncork();
  });
}

interface Answer {
  readonly rows: readonly unknown[];
  readonly command: string;
}

function isOne(result: QueryResult | readonly QueryResult[]): result is QueryResult {
  return !Array.isArray(result);
}

/** Gives an error of a lost connection a code: the driver reports one by its message alone ("Connection terminated unexpectedly"). */
export function toError(error: Error): Error {
  const plain = error.constructor === Error && Reflect.get(error, 'code') === undefined;
  // If a password is missing, the driver's message speaks only of the SASL protocol.
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
