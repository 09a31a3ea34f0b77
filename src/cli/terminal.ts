/** Where a command writes. `process.stdout` and `process.stderr` are such. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Terminal {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** Text from elsewhere as one line: control characters in it could move the cursor or forge lines. */
export function oneLine(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
    .trim();
}

/**
 * Columns as wide as their widest cell, two spaces between them, none at a line's end.
 * @param dress what is shown of a cell, given as wide as its column is; as it is by default
 */
export function table(
  rows: readonly (readonly string[])[],
  dress: (wide: string, cell: string, column: number) => string = (wide) => wide,
): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => dress(cell.padEnd(widths[column] ?? 0), cell, column))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** Paints a text over the one before it, cut to the terminal: what wraps or scrolls away cannot be painted over. */
export function repainter(stdout: Output): (text: string) => void {
  let height = 0;
  return (text) => {
    const { columns = 80, rows = 24 } = stdout;
    const lines = text.trimEnd().split('\n');
    const cut = lines.length < rows ? lines : [...lines.slice(0, rows - 2), `and ${lines.length - rows + 2} more`];
    const up = height === 0 ? '' : `\x1b[${height}A`;
    stdout.write(`${up}\r\x1b[J${cut.map((line) => `${line.slice(0, columns - 1)}\n`).join('')}`);
    height = cut.length;
  };
}

/**
 * A reader that went away (`| head`) must not end a process that has more to do.
 * @returns aborted once one of these streams can no longer be written
 */
export function survivePipes(streams: readonly NodeJS.WritableStream[]): AbortSignal {
  const gone = new AbortController();
  for (const stream of streams) stream.on('error', () => gone.abort());
  return gone.signal;
}
