import { isChange, isNot } from '../../src/core/changes.ts';
import type { Changes, ColumnValue, Projection, Row, Statement, StoredEvent, Where } from '../../src/index.ts';
import { statementsFor } from './stored-event.ts';

type OpenRow = Record<string, ColumnValue>;

interface Table {
  readonly columns: readonly string[];
  readonly unique: readonly (readonly string[])[];
  rows: OpenRow[];
}

/** Carries statements out one by one on tables in memory, with the unique keys that the projections declare. */
export class MemoryTables {
  readonly #projections: readonly Projection[];
  readonly #tables = new Map<string, Table>();

  constructor(projections: readonly Projection[]) {
    this.#projections = projections;
    for (const { schema, tables } of projections) {
      for (const [name, { key, unique = [] }] of tables) {
        this.#tables.set(name, { columns: columnsIn(schema, name), unique: [key, ...unique], rows: [] });
      }
    }
  }

  apply(event: StoredEvent): void {
    for (const projection of this.#projections) this.run(statementsFor(projection, event));
  }

  run(statements: readonly Statement[]): void {
    for (const statement of statements) this.#runOne(statement);
  }

  /** Every column of every row, sorted by id. */
  rows(name: string): readonly OpenRow[] {
    const { columns, rows } = this.#table(name);
    const whole = rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column] ?? null])));
    return whole.sort((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1));
  }

  #runOne(statement: Statement): void {
    if (statement.kind === 'none') return;
    if (statement.kind === 'several') {
      this.run(statement.statements);
      return;
    }
    const table = this.#table(statement.table);
    const matching = (where: Where) => table.rows.filter((row) => matches(row, where));
    switch (statement.kind) {
      case 'create':
        if (statement.onConflict === 'fail' || !clash(table, statement.values)) put(table, {}, statement.values);
        return;
      case 'upsert': {
        const { conflict } = statement;
        const values = onlyValues(statement.values);
        const [found] = matching(Object.fromEntries(conflict.map((column) => [column, values[column] ?? null])));
        put(table, found ?? {}, values);
        return;
      }
      case 'update':
        for (const row of matching(statement.where)) put(table, row, onlyValues(statement.set));
        return;
      case 'remove': {
        const gone = new Set(matching(statement.where));
        table.rows = table.rows.filter((row) => !gone.has(row));
        return;
      }
      case 'copy':
        throw new Error('DanceFinder copies nothing');
      case 'lookup': {
        const [found] = matching(statement.where);
        if (found === undefined && statement.absent === 'nothing') return;
        if (found === undefined) throw new Error(`look-up missed in ${statement.table}`);
        this.run([statement.use(String(found[statement.select]))].flat());
      }
    }
  }

  #table(name: string): Table {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`no table ${name}`);
    return table;
  }
}

/** DanceFinder counts nothing either. */
function onlyValues(changes: Changes): Row {
  const values: OpenRow = {};
  for (const [column, value] of Object.entries(changes)) {
    if (isChange(value)) throw new Error(`no ${value.change} here`);
    values[column] = value;
  }
  return values;
}

function put(table: Table, row: OpenRow, values: Row): void {
  for (const column of Object.keys(values)) {
    if (!table.columns.includes(column)) throw new Error(`no column ${column}`);
  }
  const others = { ...table, rows: table.rows.filter((it) => it !== row) };
  if (clash(others, { ...row, ...values })) throw new Error(`duplicate key ${JSON.stringify(values)}`);
  if (others.rows.length === table.rows.length) table.rows.push(row);
  Object.assign(row, values);
}

function clash(table: Table, values: Row): boolean {
  return table.unique.some((columns) =>
    table.rows.some((row) => columns.every((column) => (row[column] ?? null) === (values[column] ?? null))),
  );
}

function matches(row: Row, where: Where): boolean {
  return Object.entries(where).every(([column, wanted]) => {
    const value = row[column] ?? null;
    return isNot(wanted) ? value !== wanted.not : value === wanted;
  });
}

/** The column names in a table's CREATE TABLE. */
export function columnsIn(schema: string, table: string): readonly string[] {
  const body = new RegExp(`CREATE TABLE IF NOT EXISTS ${table} \\(([^;]*)\\);`).exec(schema)?.[1] ?? '';
  return [...body.matchAll(/^\s*([a-z_]+) /gm)].map((match) => match[1] ?? '');
}
