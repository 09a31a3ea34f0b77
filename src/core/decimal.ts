import { EngineError } from './errors.ts';

const WRITTEN = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/;

/** Greatest number of digits that are written out, on both sides of the point together. */
const DIGITS = 1000;

/**
 * A number that no JavaScript number holds, as text. A column or JSON value that it is written to has every digit.
 * Arithmetic uses the nearest JavaScript number (`x * 2` rounds); a template literal has every digit (`${x}`).
 */
export class Decimal {
  readonly text: string;

  /** @throws EngineError DECIMAL_INVALID where the text is no decimal number */
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

  /** For JSON.stringify, which cannot write such a number and writes a string. The engine's own JSON has a number. */
  toJSON(): string {
    return this.text;
  }
}

export function isDecimalText(text: string): boolean {
  return WRITTEN.test(text);
}

/**
 * The number as PostgreSQL writes a numeric: without exponent, plus sign and leading zeros; zeros at the end are kept.
 * @returns undefined where the text is no number, or would have more than 1000 digits
 */
export function plainDecimal(text: string): string | undefined {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = WRITTEN.exec(text) ?? [];
  const shift = Number(exponent);
  if (whole === '' || whole.length + fraction.length + Math.abs(shift) > DIGITS) return undefined;
  const point = whole.length + shift;
  const digits = `${'0'.repeat(Math.max(0, -point))}${whole}${fraction}`;
  const wholeLength = Math.max(0, point);
  const integer =
    digits
      .slice(0, wholeLength)
      .padEnd(wholeLength, '0')
      .replace(/^0+(?=\d)/, '') || '0';
  const rest = digits.slice(wholeLength);
  const written = rest === '' ? integer : `${integer}.${rest}`;
  return sign === '-' && /[1-9]/.test(written) ? `-${written}` : written;
}

/** The exact sum, with the longer of the two fractions, as PostgreSQL's numeric. Neither text may have an exponent. */
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
 * Whether a JavaScript number stands for this text: the text is the shortest form of the number or, as other languages write
 * a double, its form in 17 digits. From 2^53 on the shortest form of a double is another integer than the double, so a text
 * of 17 digits there is exact as text alone.
 */
export function isExactNumber(text: string): boolean {
  const number = Number(text);
  if (!Number.isFinite(number)) return false;
  const value = canonical(text);
  if (value === canonical(String(number))) return true;
  return Math.abs(number) < 2 ** 53 && value === canonical(number.toPrecision(17));
}

/** Equal for equal numbers: the digits from the first to the last one above zero, and their exponent. */
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
