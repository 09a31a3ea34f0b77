import type { Sql, Tx } from '../../src/postgres/pool.ts';
import type { SentStatement } from './sent-statements.ts';

/** The fields of a node of EXPLAIN (ANALYZE, FORMAT JSON) that the checks read. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Scan Direction'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

export interface Bounds {
  /** Rows of `events` that one scan may touch. */
  readonly rows: number;
  /** Rows that one sort may read. */
  readonly sorted: number;
}

/** Describes each violation of the bounds in the plans of a statement, planned with its values and without. Rolled back. */
export async function planFaults(sql: Sql, statement: SentStatement, bounds: Bounds): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const mode of ['force_custom_plan', 'force_generic_plan']) {
    await sql
      .begin(async (tx) => {
        await tx.unsafe(`SET LOCAL plan_cache_mode = ${mode}`);
        const plan = await explain(tx, statement);
        faults.push(
          ...[...nodesOf(plan)].flatMap((node) => faultsOf(node, bounds)).map((fault) => `${mode}: ${fault}`),
        );
        throw new RolledBack();
      })
      .catch((error: unknown) => {
        if (!(error instanceof RolledBack)) throw error;
      });
  }
  return faults;
}

class RolledBack extends Error {}

async function explain(tx: Tx, { text, values }: SentStatement): Promise<PlanNode> {
  await tx.unsafe(`PREPARE explained AS ${text}`);
  const given = values.length === 0 ? '' : `(${values.map(literal).join(', ')})`;
  const [row] = await tx.unsafe<[{ 'QUERY PLAN': [{ Plan: PlanNode }] }]>(
    `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE explained${given}`,
  );
  await tx.unsafe('DEALLOCATE explained');
  return row['QUERY PLAN'][0].Plan;
}

function literal(value: string | null): string {
  return value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`;
}

function* nodesOf(node: PlanNode): Generator<PlanNode> {
  yield node;
  for (const child of node.Plans ?? []) yield* nodesOf(child);
}

function faultsOf(node: PlanNode, bounds: Bounds): readonly string[] {
  const rows = touched(node);
  if (node['Node Type'] === 'Sort') return rows > bounds.sorted ? [`sorts ${rows} rows`] : [];
  if (node['Relation Name'] !== 'events' || node['Node Type'] === 'ModifyTable') return [];
  const found: string[] = [];
  if (node['Node Type'] === 'Seq Scan') found.push('reads the whole table');
  if (rows > bounds.rows) found.push(`${node['Node Type']} touches ${rows} rows of events`);
  const walked = node['Scan Direction'] === 'Backward' && rows > 1;
  const condition = node['Index Cond'] ?? '';
  const ranged = (condition.includes('>') && condition.includes('<')) || condition.includes('=');
  if (walked && !ranged) found.push(`walks ${node['Index Name']} backwards over ${rows} rows`);
  return found;
}

function touched(node: PlanNode): number {
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return Math.round((node['Actual Rows'] + removed) * node['Actual Loops']);
}
