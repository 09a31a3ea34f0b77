import { grouped } from '../core/readable.ts';

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

/** How much of the history is applied, 0 to 100, whole; 100 only when all of it is. */
export function percent(cursor: string, head: string): number {
  const [done, all] = [BigInt(cursor), BigInt(head)];
  return all === 0n ? 100 : Number((done * 100n) / all);
}
