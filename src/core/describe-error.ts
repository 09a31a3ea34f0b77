/** Anything can be thrown: undefined, a frozen object, 100 MB of text. */
export function describeError(error: unknown): string {
  let text: string;
  try {
    text = error instanceof Error ? (error.message === '' ? error.name : error.message) : String(error);
  } catch {
    text = 'an error that cannot be shown';
  }
  // NUL cannot be stored in a text column, and this must be.
  return text.replaceAll('\u0000', '\\u0000').slice(0, 4000);
}
