import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const page = new URL('../../docs/scenarios.md', import.meta.url);
const text = await readFile(page, 'utf8');
const [promises = '', guards = ''] = text.split('## Guards');

/** First cell and links of every row. */
function rows(part: string) {
  return [...part.matchAll(/^\| (.+?) +\|(.*)\|$/gm)]
    .map(([, first = '', rest = '']) => ({
      first,
      links: [...rest.matchAll(/\[([^\]]+)\]\(([^)\s]+)\)/g)].map(([, name = '', file = '']) => ({ name, file })),
    }))
    .filter(({ first }) => !/^(-+|nr|taken out)$/.test(first));
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const PROMISED = [...range(1, 49), 51, ...range(63, 67)];

// Seen red with: the row of 46 taken out; two rows of one number; the test of 45 named in the row of 48.
test('every promised scenario has exactly one row, in order, with a test or a page that shows it', () => {
  expect(rows(promises).map(({ first }) => Number(first))).toEqual(PROMISED);
  for (const { first, links } of rows(promises)) {
    const numbers = links.flatMap(({ name }) => /^([\d, ]+):/.exec(name)?.[1]?.split(', ') ?? []);
    expect(numbers, `nothing of number ${first}`).toContain(first);
  }
  expect(rows(guards).length).toBeGreaterThan(10);
  for (const { first, links } of rows(guards)) expect(links, first).not.toEqual([]);
});

// Seen red with: the sentence as it was (`Each sentence has a number here`), which thirteen had not.
test('the page names the numbers that have no row', () => {
  const named = [...(/Without a row are ([^:]+):/.exec(text)?.[1] ?? '').matchAll(/(\d+)(?: to (\d+))?/g)];
  const without = named.flatMap(([, from, to = from]) => range(Number(from), Number(to)));
  expect(without).toEqual(range(1, 68).filter((number) => !PROMISED.includes(number)));
});

// Seen red with: a letter of a test’s name changed here; a test renamed there.
test('every test that docs/scenarios.md names is in the file that it names', async () => {
  for (const { name, file } of [...rows(promises), ...rows(guards)].flatMap(({ links }) => links)) {
    const target = await readFile(new URL(file, page), 'utf8');
    const names = file.endsWith('.md')
      ? target
      : [...target.matchAll(/^ *'?.*(?:test|it|what:).*$|^ *'.*$/gm)].join('\n');
    expect(names, `${name} in ${file}`).toContain(name);
  }
});
