/** PostgreSQL's array literal. A driver would need to know each array type; text with a cast works for all. */
export function arrayLiteral(values: readonly (string | null)[]): string {
  const parts = values.map((value) =>
    value === null ? 'NULL' : `"${/["\\]/.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value}"`,
  );
  return `{${parts.join(',')}}`;
}
