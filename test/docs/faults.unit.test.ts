import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const page = new URL('../../docs/faults.md', import.meta.url);

interface Row {
  readonly letter: string;
  readonly number: number;
  readonly excused: boolean;
  readonly links: readonly { readonly name: string; readonly file: string }[];
}

function readRows(text: string): readonly Row[] {
  return [...text.matchAll(/^\| ([A-Z])(\d+) +\|(.*)\|$/gm)].map(([, letter = '', number = '', rest = '']) => ({
    letter,
    number: Number(number),
    excused: /\| excused: \w[^|]{20,}\|/.test(rest),
    links: [...rest.matchAll(/\[([^\]]+)\]\(([^)\s]+)\)/g)].map(([, name = '', file = '']) => ({ name, file })),
  }));
}

/** Rows of the catalogue by letter, and which letters are to be there whole. */
const CATALOGUE = { D: 14, G: 18, H: 20, J: 19 } as const;
const WHOLE = ['J'] as const;

const rows = readRows(await readFile(page, 'utf8'));

// Seen red with: J9 taken out; J9 before J8; J4 without a test and without an excuse.
test('every fault has its row, once and in order, with a test or an excuse', () => {
  const found = new Map(Object.keys(CATALOGUE).map((letter) => [letter, [] as number[]]));
  for (const { letter, number, links, excused } of rows) {
    found.get(letter)?.push(number);
    expect(links.length > 0, `${letter}${number}: a test or an excuse`).toBe(!excused);
  }
  for (const [letter, count] of Object.entries(CATALOGUE)) {
    const numbers = found.get(letter) ?? [];
    expect(numbers, letter).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(numbers.every((number) => number >= 1 && number <= count)).toBe(true);
    if (WHOLE.some((whole) => whole === letter)) expect(numbers, letter).toHaveLength(count);
  }
  expect(rows.map(({ letter }) => letter)).toEqual(rows.map(({ letter }) => letter).sort());
});

test('at most a tenth of the catalogue is excused', () => {
  const total = Object.values(CATALOGUE).reduce((sum, count) => sum + count, 0);
  expect(rows.filter(({ excused }) => excused).length).toBeLessThanOrEqual(total / 10);
});

// Seen red with: a letter of a test’s name changed here; a test renamed there.
test('every test that docs/faults.md names is in the file that it names', async () => {
  for (const { name, file } of rows.flatMap(({ links }) => links)) {
    const text = await readFile(new URL(file, page), 'utf8');
    const names = [...text.matchAll(/(?:\b(?:test|it)(?:\.\w+(?:\(.*\))?)?\(|^ {2,4})['"`](.*)/gm)];
    expect(
      names.some(([, start = '']) => start.startsWith(name)),
      `${name} in ${file}`,
    ).toBe(true);
  }
});
