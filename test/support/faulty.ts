import { z } from 'zod';
import type { FailurePolicy } from '../../src/core/failure-policy.ts';
import {
  create,
  defineProjection,
  type HandlerContext,
  multi,
  type Projection,
  type Statement,
  type StoredEvent,
} from '../../src/index.ts';
import { createLedger } from './noted-ledger.ts';

interface Noted {
  readonly name: 'Noted';
  readonly payload: { readonly text: string };
}

type Event = StoredEvent<'Noted', Noted['payload']>;
type Outcome = Statement | readonly Statement[] | Promise<void>;

/** One way in which an event can fail, and the expected failure. */
export interface Fault {
  readonly what: string;
  /** The name of the projection and of its table. */
  readonly name: string;
  /** The answer of the handler at the bad event, instead of its row. */
  readonly at: (event: Event, row: Statement, context: HandlerContext) => Outcome;
  /** The expected error. `{position}` stands for the position of the bad event. */
  readonly error: string;
  readonly sqlstate?: string;
  readonly code?: string;
  readonly statement?: string;
  readonly policy?: Partial<FailurePolicy>;
  /** Additions to the definition of the table, and further DDL. */
  readonly constraint?: string;
  readonly schema?: string;
  /** The error reaches the engine after the event was applied. */
  readonly applied?: boolean;
}

/** The stream of the event at which all of them fail after `arm`. */
export const BAD = 'bad';
let armed = false;

/** Before this no handler fails. */
export function arm(): void {
  armed = true;
}

/** The emitter of uncaught errors; in the process of a daemon this is `process`. */
export const uncaughtErrors: { notify: (error: Error) => void } = { notify: () => undefined };

/** A statement that creates a row in the table of the fault. */
const insert = (table: string) => `INSERT INTO "${table}" ("position", "text") VALUES ($1, $2)`;
const own = (run: (context: HandlerContext, event: Event) => Promise<void>): Fault['at'] => {
  return async (event, _row, context) => await run(context, event);
};

export const FAULTS: readonly Fault[] = [
  {
    what: 'a statement that breaks a constraint',
    name: 'not_null',
    at: (_event, row) => multi(row, create('not_null', { position: -1, text: null })),
    error: 'null value in column "text" of relation "not_null" violates not-null constraint',
    sqlstate: '23502',
    statement: insert('not_null'),
  },
  {
    what: 'a key that is taken',
    name: 'taken',
    at: (_event, row) => multi(row, create('taken', { position: 1, text: 'again' })),
    error: 'duplicate key value violates unique constraint "taken_pkey"',
    sqlstate: '23505',
    statement: insert('taken'),
  },
  {
    what: 'a value that the column does not take',
    name: 'no_number',
    at: (_event, row) => multi(row, create('no_number', { position: 'many', text: '' })),
    error: 'invalid input syntax for type bigint: "many"',
    sqlstate: '22P02',
    statement: insert('no_number'),
  },
  {
    what: 'a handler that throws',
    name: 'throws',
    at: () => {
      throw new TypeError('cannot read this');
    },
    error: 'cannot read this',
  },
  {
    what: 'a payload that its schema refuses',
    name: 'refused',
    at: (_event, row) => row,
    error: 'the payload of Noted is not what its schema says: payload.text: Invalid input',
    code: 'PAYLOAD_INVALID',
  },
  {
    what: 'a constraint that is checked at the end',
    name: 'deferred',
    at: (_event, row) => multi(row, create('deferred', { position: -1, text: 'good1' })),
    error: 'duplicate key value violates unique constraint "deferred_text"',
    sqlstate: '23505',
    constraint: ', CONSTRAINT deferred_text UNIQUE (text) DEFERRABLE INITIALLY DEFERRED',
  },
  {
    what: 'something that only COMMIT refuses',
    name: 'at_commit',
    at: own(async ({ tx }, { position, payload }) => {
      await tx`INSERT INTO at_commit VALUES (${position}, ${payload.text})`;
      await tx`INSERT INTO house_guest VALUES (1)`;
    }),
    error: 'the house is full',
    sqlstate: '23514',
    statement: 'INSERT INTO house_guest VALUES (1)',
    schema: `
      CREATE TABLE IF NOT EXISTS house_guest (id int);
      CREATE OR REPLACE FUNCTION full_house() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the house is full' USING ERRCODE = '23514'; END $$;
      DROP TRIGGER IF EXISTS full_house ON house_guest;
      CREATE CONSTRAINT TRIGGER full_house AFTER INSERT ON house_guest DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION full_house()`,
  },
  {
    what: 'a handler whose own SQL fails',
    name: 'own_sql',
    at: own(async ({ tx }, { position, payload }) => {
      await tx`INSERT INTO own_sql VALUES (${position}, ${payload.text})`;
      await tx`SELECT 1 / ${0}::int`;
    }),
    error: 'division by zero',
    sqlstate: '22012',
    statement: 'SELECT 1 / $1::int',
  },
  {
    what: 'a handler that catches an error of its SQL',
    name: 'ignores',
    at: own(async ({ tx }, { position, payload }) => {
      await tx`INSERT INTO ignores VALUES (${position}, ${payload.text})`;
      await tx`SELECT 1 / ${0}::int`.then(undefined, () => undefined);
    }),
    error:
      "a handler of 'ignores' caught an error of PostgreSQL and went on, but PostgreSQL had aborted the page's transaction: let the handler throw the error",
    sqlstate: '25P02',
    code: 'HANDLER_IGNORED_ERROR',
    statement: 'SELECT 1 / $1::int',
  },
  {
    what: 'a handler that sends COMMIT',
    name: 'commits',
    at: own(async ({ tx }, { position, payload }) => {
      await tx`INSERT INTO commits VALUES (${position}, ${payload.text})`;
      await tx`COMMIT`;
    }),
    error: "'COMMIT' was not sent: the transaction is the engine’s: it begins and ends it",
    code: 'HANDLER_STATEMENT_REFUSED',
    statement: 'COMMIT',
  },
  {
    what: 'a handler that does not await its statement',
    name: 'forgets',
    at: (_event, row, { tx }) => {
      void tx`DELETE FROM forgets`.then(() => undefined);
      return row;
    },
    error: "the handler ended before its statement 'DELETE FROM forgets' was answered: await every statement",
    code: 'HANDLER_NOT_AWAITED',
    statement: 'DELETE FROM forgets',
  },
  {
    what: 'a handler that takes too long',
    name: 'too_long',
    at: own(async ({ tx }, { position, payload }) => {
      await tx`INSERT INTO too_long VALUES (${position}, ${payload.text})`;
      await tx`SELECT pg_sleep(60)`;
    }),
    error: 'the handler of Noted had not ended after 300 ms: find out what it waits for, or raise eventTimeoutMs',
    code: 'HANDLER_TIMEOUT',
    statement: 'SELECT pg_sleep(60)',
    policy: { eventTimeoutMs: 300 },
  },
  {
    what: 'an error that a handler leaves behind',
    name: 'left_behind',
    at: (_event, row) => {
      const { notify } = uncaughtErrors;
      // Only once, because the handler may be called again for the same event.
      uncaughtErrors.notify = () => undefined;
      setTimeout(() => notify(new Error('forgotten')), 5);
      return row;
    },
    error: 'forgotten',
    applied: true,
  },
  {
    what: 'an event of which processes have died',
    name: 'process_died',
    at: (_event, row) => row,
    error:
      'the process ended 2 times while it applied Noted at position {position}: find out what its handler does (memory, exit, endless loop), then RETRY or SKIP',
    code: 'PROCESS_DIED',
  },
];

const refusesBad = z.object({ text: z.string().refine((text) => !armed || !text.startsWith(BAD)) });

/** A projection that fails in this way at the bad event. */
export function faulty({ name, at, policy = {}, constraint = '', schema = '' }: Fault): Projection {
  return defineProjection<Noted>()({
    name,
    schema: `CREATE TABLE IF NOT EXISTS ${name} (position bigint PRIMARY KEY, text text NOT NULL${constraint}); ${schema}`,
    tables: { [name]: { key: ['position'] } },
    policy,
    ...(name === 'refused' && { events: { Noted: refusesBad } }),
    on: {
      Noted: (event, context) => {
        const row = create(name, { position: event.position, text: event.payload.text });
        return armed && event.payload.text.startsWith(BAD) ? at(event, row, context) : row;
      },
    },
  });
}

/** Projections without a fault that read the same events. */
export const WITNESSES: readonly Projection[] = ['witness', 'second_witness'].map(
  (name) => createLedger({ name }).projection,
);
