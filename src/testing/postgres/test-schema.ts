import { quoteIdentifier } from '../../core/identifier.ts';
import type { Projection } from '../../core/projection.ts';
import { tableOwners } from '../../core/table-owners.ts';
import { checkTables } from '../../daemon/check-tables.ts';
import { migrate } from '../../event-store/migrate.ts';
import { connect, type DatabaseAddress, type Sql } from '../../postgres/pool.ts';
import { readCatalog } from '../../read-model/catalog.ts';
import { register } from '../../state/register.ts';
import { createRowReader, type RowReader } from './read-rows.ts';

/** A schema of the kit's database that contains an event store and the tables of one set of projections. */
export interface TestSchema {
  readonly sql: Sql;
  /** A pool of one connection: reading the high-water mark needs a single session. */
  readonly control: Sql;
  readonly rows: RowReader;
  /** Removes all events and rows, and puts every projection back to position 0. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

interface TestSchemaOptions {
  readonly address: DatabaseAddress;
  readonly schema: string;
  readonly extensionSchemas: readonly string[];
  readonly projections: readonly Projection[];
  /** DDL that runs before that of the projections. */
  readonly prepare: string;
}

/** @throws EngineError TABLE_MISSING, TABLE_SHARED, PROJECTION_INVALID; errors of the DDL */
async function openTestSchema({
  address,
  schema,
  extensionSchemas,
  projections,
  prepare,
}: TestSchemaOptions): Promise<TestSchema> {
  const owners = tableOwners(projections);
  const pool = { address, schema, extensionSchemas, applicationName: 'projectionist:testing' };
  const sql = connect({ ...pool, max: 4 });
  const control = connect({ ...pool, max: 1 });
  const close = async (): Promise<void> => {
    await Promise.all([sql.end({ timeout: 1 }), control.end({ timeout: 1 })]);
  };
  let emptying: string;
  try {
    await migrate(sql, { schema, notify: false, projections: [] });
    if (prepare !== '') await sql.unsafe(prepare);
    await migrate(sql, { schema, notify: false, projections });
    await checkTables(sql, owners);
    await register(sql, projections);
    emptying = await emptyingText(sql, [...owners.keys()]);
  } catch (error) {
    await close();
    throw error;
  }
  return { sql, control, rows: createRowReader(sql), empty: () => empty(sql, emptying), close };
}

/**
 * DELETE for tables without triggers and foreign keys: TRUNCATE makes new files for every table and index, which takes a
 * hundred times as long for the few rows of a test.
 */
async function emptyingText(sql: Sql, projectionTables: readonly string[]): Promise<string> {
  const catalog = await readCatalog(sql, projectionTables);
  const plain = [...catalog.tables.values()].every(({ inOrderBecause }) => inOrderBecause === null);
  const tables = ['events', 'projection_failures', ...projectionTables].map(quoteIdentifier);
  return plain ? tables.map((table) => `DELETE FROM ${table}`).join('; ') : `TRUNCATE ${tables.join(', ')}`;
}

/** Restarts the sequences too, so that identity columns have the same values in every test. */
async function empty(sql: Sql, emptying: string): Promise<void> {
  await sql.begin(async (tx) => {
    await tx.unsafe(emptying);
    await tx`
      SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
      FROM pg_sequences WHERE schemaname = current_schema()`;
    await tx`
      UPDATE projection_state
      SET cursor = 0, last_event_id = NULL, generation = 0, status = 'running', alarm = NULL, refused = NULL, owner = NULL`;
    await tx`UPDATE readviews SET position = 0`;
  });
}

/** One schema per set of projections, so that a look-up cannot find a table that only another test declares. */
export interface TestSchemas {
  of(projections: readonly Projection[]): Promise<TestSchema>;
  close(): Promise<void>;
}

export function createTestSchemas(
  address: () => Promise<DatabaseAddress>,
  options: Pick<TestSchemaOptions, 'prepare' | 'extensionSchemas'>,
): TestSchemas {
  const opened: { readonly projections: readonly Projection[]; readonly testSchema: Promise<TestSchema> }[] = [];

  async function open(projections: readonly Projection[], schema: string): Promise<TestSchema> {
    return await openTestSchema({ address: await address(), schema, projections, ...options });
  }

  return {
    of: (projections) => {
      const known = opened.find((one) => sameSet(one.projections, projections));
      if (known !== undefined) return known.testSchema;
      const testSchema = open(projections, `test_${opened.length + 1}`);
      opened.push({ projections: [...projections], testSchema });
      return testSchema;
    },
    close: async () => {
      const settled = await Promise.allSettled(opened.map(({ testSchema }) => testSchema));
      for (const result of settled) if (result.status === 'fulfilled') await result.value.close();
    },
  };
}

function sameSet(some: readonly Projection[], others: readonly Projection[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}
