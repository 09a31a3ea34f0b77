import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const page = new URL('../../docs/reliability.md', import.meta.url);
const text = await readFile(page, 'utf8');

/** Number and links of every row that begins with a fault's number. */
const rows = [...text.matchAll(/^\| (B\d+) +\|(.*)\|$/gm)].map(([, number = '', rest = '']) => ({
  number,
  links: [...rest.matchAll(/\[([^\]]+)\]\(([^)\s]+)\)/g)].map(([, name = '', file = '']) => ({ name, file })),
}));

// Seen red with: the row of B16 taken out; the test of B4 named in the row of B5.
test('every fault has its row, once and in order, with a test of its number', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 17 }, (_, index) => `B${index + 1}`));
  for (const { number, links } of rows) {
    const numbers = links.flatMap(({ name }) => /^([B\d, ]+):/.exec(name)?.[1]?.split(', ') ?? []);
    expect(numbers, `nothing of ${number}`).toContain(number);
  }
});

// Seen red with: a letter of a test’s name changed here; a test renamed there.
test('every test that docs/reliability.md names is in the file that it names', async () => {
  for (const { name, file } of rows.flatMap(({ links }) => links)) {
    const names = [...(await readFile(new URL(file, page), 'utf8')).matchAll(/(?:^test\(|^ {2})'(.*)/gm)];
    expect(
      names.map(([, start = '']) => start).some((start) => start.startsWith(name)),
      `${name} in ${file}`,
    ).toBe(true);
  }
});
