import { quoteIdentifier } from '../core/identifier.ts';
import type { Queryable } from '../postgres/pool.ts';

/** What a statement trigger of the store has to be, as pg_trigger.tgtype has it: 2 is BEFORE, 4 is INSERT. */
const STORE_TRIGGERS = [
  { name: 'projectionist_announce', type: 6, when: 'BEFORE' },
  { name: 'projectionist_notify', type: 4, when: 'AFTER' },
] as const;

export interface TriggerState {
  /** As SQL writes it. */
  readonly table: string;
  readonly trigger: string;
  /** Null where it is as it has to be and always fires. */
  readonly problem: string | null;
  readonly disabled: boolean;
  /** Right, but looks for its sequence with each append. */
  readonly slow: boolean;
  /** For CREATE TRIGGER: the oids of table and sequence. */
  readonly args: readonly string[];
}

/** Both triggers of the table and, if it is partitioned, of every partition: rows may be inserted into one directly. */
export async function readTriggers(sql: Queryable): Promise<readonly TriggerState[]> {
  return await sql<TriggerState[]>`
    WITH parts AS (
      SELECT relid, pg_get_serial_sequence('events', 'position')::regclass::oid AS sequence
      FROM (SELECT relid FROM pg_partition_tree('events') UNION SELECT 'events'::regclass) AS tree
    )
    SELECT p.relid::regclass::text AS table, w.name AS trigger, coalesce(t.tgenabled = 'D', false) AS disabled,
           w.type = 6 AND p.sequence IS NOT NULL
             AND encode(t.tgargs, 'escape') IS DISTINCT FROM concat(p.relid::oid, '\\000', p.sequence, '\\000') AS slow,
           CASE WHEN w.type = 6 AND p.sequence IS NOT NULL THEN ARRAY[p.relid::oid::text, p.sequence::text] ELSE '{}' END AS args,
           CASE WHEN t.oid IS NULL THEN 'missing'
                WHEN t.tgfoid IS DISTINCT FROM to_regprocedure(quote_ident(w.name) || '()')::oid OR t.tgtype <> w.type OR t.tgqual IS NOT NULL
                  THEN 'another one of that name'
                WHEN w.type = 6 AND encode(t.tgargs, 'escape') ~ concat('^', p.relid::oid, '\\\\000')
                     AND encode(t.tgargs, 'escape') <> concat(p.relid::oid, '\\000', p.sequence, '\\000') THEN 'for another sequence'
                WHEN t.tgenabled = 'D' THEN 'disabled'
                WHEN t.tgenabled <> 'A' THEN 'not ENABLE ALWAYS'
           END AS problem
    FROM parts AS p
    CROSS JOIN unnest(${STORE_TRIGGERS.map(({ name }) => name)}::text[], ${STORE_TRIGGERS.map(({ type }) => type)}::int[]) AS w (name, type)
    LEFT JOIN pg_trigger AS t ON t.tgrelid = p.relid AND t.tgname = w.name
    ORDER BY 1, 2`;
}

/**
 * Makes the triggers what they have to be. ALTER TABLE and CREATE TRIGGER wait for every appender, so they run only where
 * they change something.
 * @param notify whether appends send a NOTIFY
 * @returns what was wrong, a sentence for each trigger
 */
export async function repairTriggers(tx: Queryable, notify: boolean): Promise<readonly string[]> {
  const repaired: string[] = [];
  await tx`CREATE SEQUENCE IF NOT EXISTS projectionist_hint AS bigint CACHE 1`;
  for (const { table, trigger, problem, disabled, slow, args } of await readTriggers(tx)) {
    const off = trigger === 'projectionist_notify' && !notify;
    if (off ? disabled || problem === 'missing' : problem === null && !slow) continue;
    const name = quoteIdentifier(trigger);
    if (slow || problem === 'missing' || problem === 'another one of that name') {
      const when = STORE_TRIGGERS.find((one) => one.name === trigger)?.when ?? 'BEFORE';
      await tx.unsafe(
        `CREATE OR REPLACE TRIGGER ${name} ${when} INSERT ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION ${name}(${args.join(', ')})`,
      );
    }
    await tx.unsafe(`ALTER TABLE ${table} ${off ? 'DISABLE' : 'ENABLE ALWAYS'} TRIGGER ${name}`);
    if (problem !== null && !off) repaired.push(`trigger ${trigger} on ${table} was ${problem}`);
  }
  return repaired;
}

/** The functions of the triggers can be dropped by hand too, with everything that depends on them. */
export async function areFunctionsMissing(sql: Queryable): Promise<boolean> {
  const names = STORE_TRIGGERS.map(({ name }) => name);
  const [row] = await sql<{ missing: boolean }[]>`
    SELECT bool_or(to_regprocedure(quote_ident(f.name) || '()') IS NULL) AS missing FROM unnest(${names}::text[]) AS f (name)`;
  return row?.missing === true;
}
