import { grouped } from '../core/readable.ts';

/** Events per second: 0 is `–`, a rate below ten keeps one decimal. */
export function rate(perSecond: number): string {
  if (perSecond <= 0) return '–';
  return perSecond < 10 ? `${Math.round(perSecond * 10) / 10}/s` : `${grouped(perSecond)}/s`;
}

/** Local time of day; with the date if that is not today. */
export function clock(at: Date, now: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (at.toDateString() === now.toDateString()) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

/** How much of the history is applied: a whole number from 0 to 100, and 100 only if all of it is. */
export function percent(cursor: string, head: string): number {
  const [done, all] = [BigInt(cursor), BigInt(head)];
  return all === 0n ? 100 : Number((done * 100n) / all);
}
