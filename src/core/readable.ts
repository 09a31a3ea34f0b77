/** 1234567 is `1,234,567` in every locale, so that positions in the dashboard, the terminal and the log can be compared. */
export function grouped(number: number | string): string {
  const text = typeof number === 'number' ? Math.round(number).toString() : number;
  return text.replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

const UNITS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** Its two greatest units: 5 is `5 s`, 90 is `1 min 30 s`, 7260 is `2 h 1 min`. */
export function duration(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  const parts = UNITS.map(([size, unit]) => {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    return { amount, text: `${amount} ${unit}` };
  });
  const first = parts.findIndex(({ amount }) => amount > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(({ amount }) => amount > 0)
    .map(({ text }) => text)
    .join(' ');
}

/** `1 event`, `2 events`. */
export function count(number: number, what: string): string {
  return `${grouped(number)} ${what}${number === 1 ? '' : 's'}`;
}
