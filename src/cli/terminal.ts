/** Where a command writes: `process.stdout`, `process.stderr` or, in tests, a buffer. */
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

/** Foreign text as one line: its control characters could move the cursor or forge lines. */
export function oneLine(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
    .trim();
}

/**
 * A table with columns as wide as their widest cell, two spaces between them, and no spaces at the end of a line.
 * @param format what is shown for a cell; `padded` is the cell in the width of its column. Default `padded`
 */
export function table(
  rows: readonly (readonly string[])[],
  format: (padded: string, cell: string, column: number) => string = (padded) => padded,
): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => format(cell.padEnd(widths[column] ?? 0), cell, column))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** Repaints a text over the one before it. The text is cut to the terminal: lines that wrap or scroll away cannot be repainted. */
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
 * A reader that went away (`| head`) must not end a process that has more to do, nor a disk that is full.
 * @returns aborted once one of these streams can no longer be written; the reason is the error
 */
export function survivePipes(streams: readonly NodeJS.WritableStream[]): AbortSignal {
  const gone = new AbortController();
  for (const stream of streams) stream.on('error', (error) => gone.abort(error));
  return gone.signal;
}
