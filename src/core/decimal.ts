import { EngineError } from './errors.ts';

const WRITTEN = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/;

/** Digits that are written out at most, on both sides of the point together. */
const DIGITS = 1000;

/**
 * A number that no JavaScript number holds, as its text. A column or a JSON value that it is given to gets every digit.
 * In arithmetic it is the nearest JavaScript number, and in a text it is its own: `x * 2` rounds, `${x}` does not.
 */
export class Decimal {
  readonly text: string;

  /** @throws EngineError DECIMAL_INVALID for a text that is no decimal number */
  constructor(text: string) {
    if (typeof text !== 'string' || !WRITTEN.test(text)) {
      throw new EngineError('DECIMAL_INVALID', { value: String(text).slice(0, 40) });
    }
    this.text = text;
  }

  toString(): string {
    return this.text;
  }

  valueOf(): number {
    return Number(this.text);
  }

  /** For JSON.stringify, which cannot write such a number. The engine writes it as the number it is. */
  toJSON(): string {
    return this.text;
  }
}

export function isDecimalText(text: string): boolean {
  return WRITTEN.test(text);
}

/**
 * Written out as PostgreSQL writes a numeric: without exponent, plus and leading zeros, zeros at the end as they are.
 * @returns undefined for what is no number, or would have more than 1000 digits
 */
export function plainDecimal(text: string): string | undefined {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = WRITTEN.exec(text) ?? [];
  const shift = Number(exponent);
  if (whole === '' || whole.length + fraction.length + Math.abs(shift) > DIGITS) return undefined;
  const point = whole.length + shift;
  const digits = `${'0'.repeat(Math.max(0, -point))}${whole}${fraction}`;
  const place = Math.max(0, point);
  const integer =
    digits
      .slice(0, place)
      .padEnd(place, '0')
      .replace(/^0+(?=\d)/, '') || '0';
  const rest = digits.slice(place);
  const written = rest === '' ? integer : `${integer}.${rest}`;
  return sign === '-' && /[1-9]/.test(written) ? `-${written}` : written;
}

/** The exact sum with the longer fraction, as PostgreSQL's numeric. Both are written out. */
export function addDecimals(a: string, b: string): string | undefined {
  const parts = [a, b].map((text) => /^(-?\d+)(?:\.(\d+))?$/.exec(text));
  const scale = Math.max(...parts.map((match) => match?.[2]?.length ?? 0));
  let sum = 0n;
  for (const match of parts) {
    if (match === null) return undefined;
    const [, whole = '', fraction = ''] = match;
    sum += BigInt(whole + fraction.padEnd(scale, '0'));
  }
  if (scale === 0) return String(sum);
  const digits = String(sum < 0n ? -sum : sum).padStart(scale + 1, '0');
  return `${sum < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/**
 * Whether a JavaScript number says what this text does: it is written so, in its shortest form or, as other languages
 * write a double, in 17 digits. From 2^53 on the shortest form of a double is another integer than the double, so what
 * is written in 17 digits there is exact as text alone.
 */
export function isExactNumber(text: string): boolean {
  const number = Number(text);
  if (!Number.isFinite(number)) return false;
  const value = canonical(text);
  if (value === canonical(String(number))) return true;
  return Math.abs(number) < 2 ** 53 && value === canonical(number.toPrecision(17));
}

/** Equal for equal numbers: the digits from the first to the last that is no zero, and their exponent. */
function canonical(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = WRITTEN.exec(text) ?? [];
  const digits = whole + fraction;
  let [from, to] = [0, digits.length];
  while (from < to && digits[from] === '0') from += 1;
  while (to > from && digits[to - 1] === '0') to -= 1;
  if (from === to) return '0';
  const power = Number(exponent) - fraction.length + digits.length - to;
  return `${sign === '-' ? '-' : ''}${digits.slice(from, to)}e${power}`;
}
