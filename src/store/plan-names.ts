/** Plans of one connection at most; texts beyond that are planned each time. */
const PLANS = 500;
const names = new Map<string, string>();

/** The name under which every connection prepares a text; undefined: there are enough of them. */
export function planName(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= PLANS) return known;
  const name = `p${names.size + 1}`;
  names.set(text, name);
  return name;
}
