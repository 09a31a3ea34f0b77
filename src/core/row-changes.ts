/** A row of one of two reads of a table. */
export interface SeenRow {
  /** Equal for two versions of one row. */
  readonly key: string;
  /** Equal for equal contents. */
  readonly mark: string;
}

export interface RowPair<Row> {
  readonly before: Row | null;
  readonly after: Row | null;
}

/**
 * Pairs the rows of two reads, ordered by key. A pair with equal contents is left out. Rows that share a key, because the
 * table has no unique key, are paired in the order given.
 */
export function pairRows<Row extends SeenRow>(before: readonly Row[], after: readonly Row[]): readonly RowPair<Row>[] {
  const unpaired = new Map<string, Row[]>();
  for (const row of before) unpaired.set(row.key, [...(unpaired.get(row.key) ?? []), row]);
  const pairs: (RowPair<Row> & { readonly key: string })[] = after.map((row) => ({
    key: row.key,
    before: unpaired.get(row.key)?.shift() ?? null,
    after: row,
  }));
  for (const rows of unpaired.values()) pairs.push(...rows.map((row) => ({ key: row.key, before: row, after: null })));
  return pairs
    .filter((pair) => pair.before?.mark !== pair.after?.mark)
    .sort((one, other) => compare(one.key, other.key))
    .map(({ before, after }) => ({ before, after }));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
