import { AssertionError } from 'node:assert';
import { deepEqual } from 'node:assert/strict';
import { lookup } from '../../core/compound-statements.ts';
import type { FailedEvent, RunMode, RunOutcome } from '../../core/port.ts';
import { defineProjection, type Projection } from '../../core/projection.ts';
import type { StandardSchema } from '../../core/standard-schema.ts';
import type { Row, Statement } from '../../core/statement.ts';
import { upsert } from '../../read-model/statements/upsert-statement.ts';
import type { Backend } from '../backend.ts';
import { compareRows } from '../compare.ts';
import { createCompletion, type TestEvent } from '../test-event.ts';

type FixtureEvent =
  /** Applies the statements that `did` was called with. */
  | { readonly name: 'Did'; readonly payload: { readonly script: number } }
  /** Writes the label of that id into the note of 'looker'. */
  | { readonly name: 'Looked'; readonly payload: { readonly id: string; readonly onMissing?: 'fail' | 'nothing' } }
  /** Writes what the handler received into the note of 'seer'. */
  | { readonly name: 'Saw'; readonly payload: { readonly list: readonly number[] } }
  | { readonly name: 'Threw'; readonly payload: Readonly<Record<string, unknown>> }
  /** Has a schema that requires a text as `note` and replaces it with another one. */
  | { readonly name: 'Checked'; readonly payload: { readonly note: string } }
  | { readonly name: 'Labelled'; readonly payload: { readonly id: string; readonly text: string } };

/** Statements by index. The payloads hold the index alone, because JSON cannot represent `not` and `increment`. */
const scripts: (readonly Statement[])[] = [];

const checkedNote: StandardSchema<{ readonly note: string }> = {
  '~standard': {
    version: 1,
    vendor: 'projectionist',
    validate: (payload) => {
      const note: unknown = typeof payload === 'object' && payload !== null ? Reflect.get(payload, 'note') : undefined;
      if (typeof note === 'string') return { value: { note: `checked ${note}` } };
      return { issues: [{ message: 'is no text', path: ['note'] }] };
    },
  },
};

/** The projection that the cases run statements on. */
export const things = defineProjection<FixtureEvent>()({
  name: 'things',
  schema: `
    CREATE TABLE IF NOT EXISTS thing (id text PRIMARY KEY, name text UNIQUE, size int, note text, tags text[]);
    CREATE TABLE IF NOT EXISTS mark (a text, b text, note text, PRIMARY KEY (a, b));`,
  tables: { thing: { key: ['id'], unique: [['name']] }, mark: { key: ['a', 'b'] } },
  events: { Checked: checkedNote },
  on: {
    Checked: ({ payload }) => noted('checked', `${payload.note} ${Object.isFrozen(payload)}`),
    Did: ({ payload }) => scripts[payload.script] ?? [],
    Looked: ({ payload: { id, onMissing = 'fail' } }) =>
      lookup('label', { select: 'text', where: { id }, onMissing }, (note) => noted('looker', note)),
    Saw: ({ payload, position, occurredAt, sequenceNo }, { replaying }) =>
      noted('seer', JSON.stringify([typeof position, String(sequenceNo), occurredAt, replaying, isFrozen(payload)])),
    Threw: () => {
      throw new Error('thrown on purpose');
    },
  },
});

/** Owns the table in which `things` looks rows up. */
export const labels = defineProjection<FixtureEvent>()({
  name: 'labels',
  schema: 'CREATE TABLE IF NOT EXISTS label (id text PRIMARY KEY, text text);',
  tables: { label: { key: ['id'] } },
  on: { Labelled: ({ payload: { id, text } }) => upsert('label', { id, text }, { conflict: ['id'] }) },
});

function noted(id: string, note: string): Statement {
  return upsert('thing', { id, note }, { conflict: ['id'] });
}

function isFrozen({ list }: { readonly list: readonly number[] }): boolean {
  return Object.isFrozen(list);
}

/** A requirement of every backend, for any test runner: `for (const { name, run } of conformance) test(name, () => run(backend))`. */
export interface ConformanceCase {
  readonly name: string;
  /** @throws AssertionError */
  run(backend: Backend): Promise<void>;
}

/** A backend that was opened with both projections, and short functions for the steps of a case. */
export interface Fixture {
  readonly backend: Backend;
  append(...events: readonly TestEvent<FixtureEvent>[]): Promise<void>;
  did(...statements: readonly Statement[]): Promise<void>;
  run(projection?: Projection, mode?: RunMode): Promise<RunOutcome>;
  expect(table: string, ...rows: readonly Row[]): Promise<void>;
}

export async function openFixture(backend: Backend, maxAttempts = 1): Promise<Fixture> {
  await backend.open([things, labels], { maxAttempts });
  const complete = createCompletion();
  const append: Fixture['append'] = (...events) => backend.append(events.map(complete));
  return {
    backend,
    append,
    did: (...statements) => append({ name: 'Did', payload: { script: scripts.push(statements) - 1 } }),
    run: (projection = things, mode = 'catch-up') =>
      backend.operations(projection).run(mode, new AbortController().signal),
    expect: async (table, ...rows) => {
      const mismatch = compareRows(await backend.rows(table), await backend.toRows(table, rows));
      if (mismatch !== null) throw new AssertionError({ message: `rows of '${table}' (${backend.name})`, ...mismatch });
    },
  };
}

/** The run failed at an event with these fields, and the projection has halted (`halted`: default true). */
export function expectFailed(outcome: RunOutcome, fields: Partial<FailedEvent>, halted = true): void {
  const failed = outcome.kind === 'failed' ? outcome : null;
  const found = Object.keys(fields).map((field) => [field, failed?.event?.[field as keyof FailedEvent]]);
  deepEqual(
    { kind: outcome.kind, halted: failed?.halted, ...Object.fromEntries(found) },
    { kind: 'failed', halted, ...fields },
  );
}
