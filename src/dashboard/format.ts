/** 1234567 is `1,234,567`, whatever the locale: positions are compared with what the terminal and the log say. */
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

/** 0 is `-`, below ten one decimal is kept. */
export function rate(perSecond: number): string {
  if (perSecond <= 0) return '–';
  return perSecond < 10 ? `${Math.round(perSecond * 10) / 10}/s` : `${grouped(perSecond)}/s`;
}

/** Time of day, local; with its date when that is not today's. */
export function clock(at: Date, now: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (at.toDateString() === now.toDateString()) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

/** `1 event`, `2 events`. */
export function count(number: number, what: string): string {
  return `${grouped(number)} ${what}${number === 1 ? '' : 's'}`;
}

/** How much of the history is applied, 0 to 100, whole; 100 only when all of it is. */
export function percent(cursor: string, head: string): number {
  const [done, all] = [BigInt(cursor), BigInt(head)];
  return all === 0n ? 100 : Number((done * 100n) / all);
}
