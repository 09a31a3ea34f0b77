/** The text of any thrown value, at most 4000 characters. A handler can throw undefined, a frozen object, 100 MB of text. */
export function describeError(error: unknown): string {
  let text: string;
  try {
    text = error instanceof Error ? (error.message === '' ? error.name : error.message) : String(error);
  } catch {
    text = 'an error that cannot be shown';
  }
  // A text column cannot store a NUL, and the text must be stored.
  return text.replaceAll('\u0000', '\\u0000').slice(0, 4000);
}
