import { AssertionError } from 'node:assert';
import type { FailedEvent, RunOutcome } from '../core/port.ts';
import type { Projection } from '../core/projection.ts';
import { stringifyJson } from '../postgres/json.ts';
import type { Stage, TestRow } from './stage.ts';
import type { CompleteEvent } from './test-event.ts';

export interface Scenario {
  /** The one that is tested. */
  readonly projection: Projection;
  /** Those whose tables it looks things up in. */
  readonly others: readonly Projection[];
  /** Applied without fail before the events under test. */
  readonly history: readonly CompleteEvent[];
  readonly tested: readonly CompleteEvent[];
}

/** Rows by table, each table's in a fixed order. */
export type Tables = ReadonlyMap<string, readonly TestRow[]>;

/** What a scenario came to. */
export interface Course {
  readonly before: Tables;
  readonly after: Tables;
  /** The event of `tested` that could not be applied; what follows it was not tried. */
  readonly failure: FailedEvent | null;
}

/** @throws AssertionError when the history cannot be applied, or the events wait for something that never comes */
export async function play(stage: Stage, scenario: Scenario, signal: AbortSignal): Promise<Course> {
  const { projection, others, history, tested } = scenario;
  await stage.open([...others, projection]);
  await stage.append(history);
  const failed = await catchUp(stage, scenario, signal);
  if (failed !== null)
    throw new AssertionError({ message: `the history in given() cannot be applied: ${told(failed)}` });
  const before = await readTables(stage, [...others, projection]);
  await stage.append(tested);
  const failure = await catchUp(stage, scenario, signal);
  return { before, after: await readTables(stage, [...others, projection]), failure };
}

/** Lets every projection come as far as it can; the others go first, since they are looked up. */
async function catchUp(
  stage: Stage,
  { projection, others }: Scenario,
  signal: AbortSignal,
): Promise<FailedEvent | null> {
  let waitedFor: string | null = null;
  for (;;) {
    const waiting: string[] = [];
    for (const one of [...others, projection]) {
      const outcome = await stage.operations(one).run('catch-up', signal);
      if (outcome.kind === 'waiting') waiting.push(`'${one.name}' is ${outcome.detail}`);
      else if (outcome.kind === 'failed' && outcome.event !== undefined && one === projection) return outcome.event;
      else if (outcome.kind !== 'caught-up') throw unexpected(one, outcome, signal);
    }
    if (waiting.length === 0) return null;
    const waitingFor = waiting.join('; ');
    // Two that wait for each other get further with every round, or never will.
    if (waitingFor === waitedFor) throw new AssertionError({ message: `the events wait for ever: ${waitingFor}` });
    waitedFor = waitingFor;
  }
}

function unexpected(projection: Projection, outcome: RunOutcome, signal: AbortSignal): unknown {
  if (outcome.kind === 'stopped') return signal.reason;
  const detail = 'detail' in outcome ? outcome.detail : outcome.kind;
  return new AssertionError({ message: `'${projection.name}' did not get through: ${detail}` });
}

async function readTables(stage: Stage, projections: readonly Projection[]): Promise<Tables> {
  const tables = new Map<string, readonly TestRow[]>();
  for (const name of projections.flatMap((one) => [...one.tables.keys()])) {
    tables.set(name, inOrder(await stage.rows(name)));
  }
  return tables;
}

/** Rows have no order of their own; comparing needs one. */
function inOrder(rows: readonly TestRow[]): readonly TestRow[] {
  return rows
    .map((row) => ({ row, text: stringifyJson(row) }))
    .sort((a, b) => (a.text < b.text ? -1 : Number(a.text > b.text)))
    .map(({ row }) => row);
}

/** An event that failed, in one line. */
export function told({ eventName, position, error, sqlstate, code }: FailedEvent): string {
  const name = code ?? (sqlstate === null ? null : `SQLSTATE ${sqlstate}`);
  return `${eventName} at position ${position} failed with: ${error}${name === null ? '' : ` (${name})`}`;
}
