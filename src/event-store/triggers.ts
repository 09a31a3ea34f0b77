import { quoteIdentifier } from '../core/identifier.ts';
import type { Queryable } from '../postgres/pool.ts';

/** The statement triggers of the store. `type` is the value of pg_trigger.tgtype: 2 is BEFORE, 4 is INSERT. */
const STORE_TRIGGERS = [
  { name: 'projectionist_announce', type: 6, when: 'BEFORE' },
  { name: 'projectionist_notify', type: 4, when: 'AFTER' },
] as const;

export interface TriggerState {
  /** Quoted as in SQL. */
  readonly table: string;
  readonly trigger: string;
  /** Null if the trigger is correct and always fires. */
  readonly problem: string | null;
  readonly disabled: boolean;
  /** The trigger is correct, but searches for its sequence with each append. */
  readonly slow: boolean;
  /** Arguments for CREATE TRIGGER: the oids of the table and of its sequence. */
  readonly args: readonly string[];
}

/** Reads both triggers of the table and of each partition, since rows may be inserted into a partition directly. */
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
 * Creates and enables the triggers. ALTER TABLE and CREATE TRIGGER wait for every appender, so they run only for a trigger
 * that is not correct yet.
 * @param notify whether appends send a NOTIFY
 * @returns one sentence for each repaired trigger
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

/** Whether a function of the triggers is missing: DROP FUNCTION … CASCADE removes it together with its triggers. */
export async function areFunctionsMissing(sql: Queryable): Promise<boolean> {
  const names = STORE_TRIGGERS.map(({ name }) => name);
  const [row] = await sql<{ missing: boolean }[]>`
    SELECT bool_or(to_regprocedure(quote_ident(f.name) || '()') IS NULL) AS missing FROM unnest(${names}::text[]) AS f (name)`;
  return row?.missing === true;
}
