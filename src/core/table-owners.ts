import { EngineError } from './errors.ts';
import type { Projection, TableShape } from './projection.ts';

/** The projection that declares each table; a table that none declares has no entry. */
export type TableOwners = ReadonlyMap<string, string>;

/**
 * Checks that these projections can run together. Two projections that share a table would reset each other's rows; two of
 * one name would move each other's cursor.
 * @throws EngineError TABLE_SHARED, PROJECTION_INVALID (a name twice)
 */
export function tableOwners(projections: readonly Projection[]): TableOwners {
  const owners = new Map<string, string>();
  const names = new Set<string>();
  for (const { name, tables } of projections) {
    if (names.has(name)) throw new EngineError('PROJECTION_INVALID', { name, reason: 'another one has the same name' });
    names.add(name);
    for (const table of tables.keys()) {
      const first = owners.get(table);
      if (first !== undefined) throw new EngineError('TABLE_SHARED', { table, first, other: table, second: name });
      owners.set(table, name);
    }
  }
  return owners;
}

/** One table that a projection declares. */
export interface Claim {
  readonly name: string;
  readonly table: string;
  readonly shape: TableShape;
}

export function claimsOf(projections: readonly Projection[]): readonly Claim[] {
  return projections.flatMap(({ name, tables }) => [...tables].map(([table, shape]) => ({ name, table, shape })));
}
