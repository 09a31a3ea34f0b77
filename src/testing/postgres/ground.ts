import { quoteIdentifier } from '../../core/identifier.ts';
import type { Projection } from '../../core/projection.ts';
import { tableOwners } from '../../core/table-owners.ts';
import { checkTables } from '../../daemon/check-tables.ts';
import { migrate } from '../../event-store/migrate.ts';
import { connect, type DatabaseAddress, type Sql } from '../../postgres/pool.ts';
import { readCatalog } from '../../read-model/catalog.ts';
import { register } from '../../state/register.ts';
import { createRowReader, type RowReader } from './read-rows.ts';

/** A schema of its own with an event store and the tables of some projections, and nothing else. */
export interface Ground {
  readonly sql: Sql;
  /** One connection, as the safe head needs it. */
  readonly control: Sql;
  readonly rows: RowReader;
  /** As on the first day. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

interface GroundOptions {
  readonly address: DatabaseAddress;
  readonly schema: string;
  readonly extensionSchemas: readonly string[];
  readonly projections: readonly Projection[];
  /** DDL that runs before that of the projections. */
  readonly prepare: string;
}

/** @throws EngineError TABLE_MISSING, TABLE_SHARED, PROJECTION_INVALID, and what the DDL meets */
async function openGround({ address, schema, extensionSchemas, projections, prepare }: GroundOptions): Promise<Ground> {
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
 * DELETE where nothing else can come of it: TRUNCATE makes new files for every table and index, which takes a hundred
 * times as long as the few rows of a test.
 */
async function emptyingText(sql: Sql, projectionTables: readonly string[]): Promise<string> {
  const catalog = await readCatalog(sql, projectionTables);
  const plain = [...catalog.tables.values()].every(({ inOrderBecause }) => inOrderBecause === null);
  const tables = ['events', 'projection_failures', ...projectionTables].map(quoteIdentifier);
  return plain ? tables.map((table) => `DELETE FROM ${table}`).join('; ') : `TRUNCATE ${tables.join(', ')}`;
}

/** Sequences start again, so that what identity columns give is the same in every test. */
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

/** One ground per set of projections: what another test brought along cannot be looked up by accident. */
export interface Grounds {
  of(projections: readonly Projection[]): Promise<Ground>;
  close(): Promise<void>;
}

export function createGrounds(
  address: () => Promise<DatabaseAddress>,
  options: Pick<GroundOptions, 'prepare' | 'extensionSchemas'>,
): Grounds {
  const opened: { readonly projections: readonly Projection[]; readonly ground: Promise<Ground> }[] = [];

  async function open(projections: readonly Projection[], schema: string): Promise<Ground> {
    return await openGround({ address: await address(), schema, projections, ...options });
  }

  return {
    of: (projections) => {
      const known = opened.find((one) => sameSet(one.projections, projections));
      if (known !== undefined) return known.ground;
      const ground = open(projections, `ground_${opened.length + 1}`);
      opened.push({ projections: [...projections], ground });
      return ground;
    },
    close: async () => {
      const settled = await Promise.allSettled(opened.map(({ ground }) => ground));
      for (const result of settled) if (result.status === 'fulfilled') await result.value.close();
    },
  };
}

function sameSet(some: readonly Projection[], others: readonly Projection[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}
