import { AssertionError } from 'node:assert';
import { deepEqual } from 'node:assert/strict';
import type { FailedEvent, RunMode, RunOutcome } from '../../core/port.ts';
import { defineProjection, type Projection } from '../../core/projection.ts';
import type { StandardSchema } from '../../core/standard-schema.ts';
import type { Row, Statement } from '../../core/statement.ts';
import { lookup, upsert } from '../../core/statements.ts';
import { compareRows } from '../compare.ts';
import type { Stage } from '../stage.ts';
import { createCompletion, type TestEvent } from '../test-event.ts';

type Happening =
  /** Carries out what `did` was given. */
  | { readonly name: 'Did'; readonly payload: { readonly script: number } }
  /** Writes the label of that id into the note of 'looker'. */
  | { readonly name: 'Looked'; readonly payload: { readonly id: string; readonly onMissing?: 'fail' | 'nothing' } }
  /** Writes what the handler was given into the note of 'seer'. */
  | { readonly name: 'Saw'; readonly payload: { readonly list: readonly number[] } }
  | { readonly name: 'Threw'; readonly payload: Readonly<Record<string, unknown>> }
  /** Has a schema, which wants a text for `note` and puts another one in its place. */
  | { readonly name: 'Checked'; readonly payload: { readonly note: string } }
  | { readonly name: 'Labelled'; readonly payload: { readonly id: string; readonly text: string } };

/** Outside of the payloads: JSON has no way to write `not` and `increment`. */
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

/** Anything may happen to it. */
export const things = defineProjection<Happening>()({
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
      throw new Error('as it was told to');
    },
  },
});

/** Another one's table, for `things` to look things up in. */
export const labels = defineProjection<Happening>()({
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

/** What a stage has to do, for any test runner: `for (const { name, run } of conformance) test(name, () => run(stage))`. */
export interface ConformanceCase {
  readonly name: string;
  /** @throws AssertionError */
  run(stage: Stage): Promise<void>;
}

/** A stage with both projections opened, and short words for what is done with it. */
export interface Scene {
  readonly stage: Stage;
  append(...events: readonly TestEvent<Happening>[]): Promise<void>;
  did(...statements: readonly Statement[]): Promise<void>;
  run(projection?: Projection, mode?: RunMode): Promise<RunOutcome>;
  expect(table: string, ...rows: readonly Row[]): Promise<void>;
}

export async function openScene(stage: Stage, maxAttempts = 1): Promise<Scene> {
  await stage.open([things, labels], { maxAttempts });
  const complete = createCompletion();
  const append: Scene['append'] = (...events) => stage.append(events.map(complete));
  return {
    stage,
    append,
    did: (...statements) => append({ name: 'Did', payload: { script: scripts.push(statements) - 1 } }),
    run: (projection = things, mode = 'catch-up') =>
      stage.operations(projection).run(mode, new AbortController().signal),
    expect: async (table, ...rows) => {
      const mismatch = compareRows(await stage.rows(table), await stage.toRows(table, rows));
      if (mismatch !== null) throw new AssertionError({ message: `rows of '${table}' (${stage.name})`, ...mismatch });
    },
  };
}

/** The pull failed at an event with these fields, and the projection has halted unless it says otherwise. */
export function expectFailed(outcome: RunOutcome, fields: Partial<FailedEvent>, halted = true): void {
  const failed = outcome.kind === 'failed' ? outcome : null;
  const found = Object.keys(fields).map((field) => [field, failed?.event?.[field as keyof FailedEvent]]);
  deepEqual(
    { kind: outcome.kind, halted: failed?.halted, ...Object.fromEntries(found) },
    { kind: 'failed', halted, ...fields },
  );
}
