export interface Line {
  /** From 1. */
  readonly number: number;
  /** Null: longer than the bound; nothing comes after it. */
  readonly bytes: Buffer | null;
}

const NEWLINE = 0x0a;

/**
 * Splits a stream into lines without ever holding more than one that is too long. A last line needs no newline.
 * @param maxBytes of one line, the newline not counted
 */
export async function* readLines(source: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Line, void> {
  let parts: Buffer[] = [];
  let size = 0;
  let number = 1;
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); ; end = bytes.indexOf(NEWLINE, start)) {
      const piece = bytes.subarray(start, end === -1 ? bytes.length : end);
      size += piece.length;
      if (size > maxBytes) {
        yield { number, bytes: null };
        return;
      }
      parts.push(piece);
      if (end === -1) break;
      yield { number, bytes: parts.length === 1 ? piece : Buffer.concat(parts) };
      number += 1;
      parts = [];
      size = 0;
      start = end + 1;
    }
  }
  if (size > 0) yield { number, bytes: Buffer.concat(parts) };
}
