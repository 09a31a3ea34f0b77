/** A row that only one of two looks has seen. */
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
 * Which rows have become which, in the order of their keys. A row that was written again with what it had is none of
 * them. A key that several rows share, because it is not unique in truth, pairs them in the order given.
 */
export function pairRows<Row extends SeenRow>(before: readonly Row[], after: readonly Row[]): readonly RowPair<Row>[] {
  const waiting = new Map<string, Row[]>();
  for (const row of before) waiting.set(row.key, [...(waiting.get(row.key) ?? []), row]);
  const pairs: (RowPair<Row> & { readonly key: string })[] = after.map((row) => ({
    key: row.key,
    before: waiting.get(row.key)?.shift() ?? null,
    after: row,
  }));
  for (const rows of waiting.values()) pairs.push(...rows.map((row) => ({ key: row.key, before: row, after: null })));
  return pairs
    .filter((pair) => pair.before?.mark !== pair.after?.mark)
    .sort((one, other) => compare(one.key, other.key))
    .map(({ before, after }) => ({ before, after }));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
