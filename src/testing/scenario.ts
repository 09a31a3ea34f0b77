import { AssertionError } from 'node:assert';
import type { FailedEvent, RunOutcome } from '../core/port.ts';
import type { Projection } from '../core/projection.ts';
import { stringifyJson } from '../postgres/json.ts';
import type { Backend, TestRow } from './backend.ts';
import type { CompleteEvent } from './test-event.ts';

export interface Scenario {
  /** The projection under test. */
  readonly projection: Projection;
  /** Projections in whose tables it looks rows up. */
  readonly others: readonly Projection[];
  /** Events that are applied before the events under test. None of them may fail. */
  readonly history: readonly CompleteEvent[];
  readonly tested: readonly CompleteEvent[];
}

/** Rows by table, sorted within each table. */
export type Tables = ReadonlyMap<string, readonly TestRow[]>;

/** The result of a scenario on one backend. */
export interface ScenarioResult {
  /** The rows after `history`. */
  readonly before: Tables;
  /** The rows after `tested`. */
  readonly after: Tables;
  /** The event of `tested` that could not be applied. The events after it were not applied. Null without a failure. */
  readonly failure: FailedEvent | null;
}

/** @throws AssertionError when the history cannot be applied, or projections wait for each other without an end */
export async function runScenario(backend: Backend, scenario: Scenario, signal: AbortSignal): Promise<ScenarioResult> {
  const { projection, others, history, tested } = scenario;
  await backend.open([...others, projection]);
  await backend.append(history);
  const failed = await catchUp(backend, scenario, signal);
  if (failed !== null)
    throw new AssertionError({ message: `the history in given() cannot be applied: ${describeFailure(failed)}` });
  const before = await readTables(backend, [...others, projection]);
  await backend.append(tested);
  const failure = await catchUp(backend, scenario, signal);
  return { before, after: await readTables(backend, [...others, projection]), failure };
}

/** Runs every projection until all have caught up. The others run first, because look-ups read their tables. */
async function catchUp(
  backend: Backend,
  { projection, others }: Scenario,
  signal: AbortSignal,
): Promise<FailedEvent | null> {
  let waitedFor: string | null = null;
  for (;;) {
    const waiting: string[] = [];
    for (const one of [...others, projection]) {
      const outcome = await backend.operations(one).run('catch-up', signal);
      if (outcome.kind === 'waiting') waiting.push(`'${one.name}' is ${outcome.detail}`);
      else if (outcome.kind === 'failed' && outcome.event !== undefined && one === projection) return outcome.event;
      else if (outcome.kind !== 'caught-up') throw unexpected(one, outcome, signal);
    }
    if (waiting.length === 0) return null;
    const waitingFor = waiting.join('; ');
    // When a whole round changes nothing, no later round can: the projections wait for each other.
    if (waitingFor === waitedFor) throw new AssertionError({ message: `the events wait for ever: ${waitingFor}` });
    waitedFor = waitingFor;
  }
}

function unexpected(projection: Projection, outcome: RunOutcome, signal: AbortSignal): unknown {
  if (outcome.kind === 'stopped') return signal.reason;
  const detail = 'detail' in outcome ? outcome.detail : outcome.kind;
  return new AssertionError({ message: `'${projection.name}' did not get through: ${detail}` });
}

async function readTables(backend: Backend, projections: readonly Projection[]): Promise<Tables> {
  const tables = new Map<string, readonly TestRow[]>();
  for (const name of projections.flatMap((one) => [...one.tables.keys()])) {
    tables.set(name, sorted(await backend.rows(name)));
  }
  return tables;
}

/** Rows come in any order, and a comparison of two tables needs a fixed one. */
function sorted(rows: readonly TestRow[]): readonly TestRow[] {
  return rows
    .map((row) => ({ row, text: stringifyJson(row) }))
    .sort((a, b) => (a.text < b.text ? -1 : Number(a.text > b.text)))
    .map(({ row }) => row);
}

/** Describes a failed event in one line. */
export function describeFailure({ eventName, position, error, sqlstate, code }: FailedEvent): string {
  const name = code ?? (sqlstate === null ? null : `SQLSTATE ${sqlstate}`);
  return `${eventName} at position ${position} failed with: ${error}${name === null ? '' : ` (${name})`}`;
}
