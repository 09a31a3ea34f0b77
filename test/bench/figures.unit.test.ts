import { expect, test } from 'vitest';
import { type Figure, median, percentile, ratio, verdict } from '../../bench/figures.ts';
import { parseOptions } from '../../bench/options.ts';
import { partTable } from '../../bench/report.ts';

const TARGET = { must: 0.5, goal: 0.8, better: 'more' } as const;
const figure = (rounds: number[]): Figure => ({ label: 'it', unit: 'events/s', rounds });

// Seen red with: the ratio of the medians, which is 1 here.
test('a ratio is computed round by round, so that a slow round of both sides changes nothing', () => {
  const compared = ratio('ours / theirs', figure([50, 5, 80]), figure([100, 10, 50]), TARGET);
  expect(compared.rounds).toEqual([0.5, 0.5, 1.6]);
  expect(median(compared.rounds)).toBe(0.5);
  expect(verdict(compared)).toBe('must');
});

// Seen red with: `better` ignored.
test('a verdict depends on the direction of an improvement', () => {
  const limit = { must: 3, goal: 2, better: 'less' } as const;
  const verdicts = [1.5, 2, 2.5, 3, 3.1].map((value) => verdict({ ...figure([value]), target: limit }));
  expect(verdicts).toEqual(['goal', 'goal', 'must', 'must', 'below']);
  expect([0.9, 0.6, 0.4].map((value) => verdict({ ...figure([value]), target: TARGET }))).toEqual([
    'goal',
    'must',
    'below',
  ]);
});

// Seen red with: the sort left out.
test('percentiles lie between the two nearest values, for any order of the values', () => {
  expect(percentile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(percentile([4, 1, 3, 2], 0.99)).toBeCloseTo(3.97);
  expect(median([7])).toBe(7);
});

// Seen red with: the figure without a target given one, and `toPrecision(2)`.
test('a table shows each round, the median and the target', () => {
  const figures: Figure[] = [
    figure([1000.4, 3000, 2000]),
    { label: 'share', unit: 'x', rounds: [0.1234], target: TARGET },
  ];
  const lines = partTable({ title: 'Title', about: 'About.', figures }).split('\n');
  expect(lines[0]).toBe('## Title');
  const cells = lines.slice(6, 8).map((line) => line.split('|').map((cell) => cell.trim()));
  expect(cells).toEqual([
    ['', 'it', 'events/s', '1000', '3000', '2000', '2000', '', '', '', ''],
    ['', 'share', 'x', '0.123', '', '', '0.123', '≥ 0.5', '≥ 0.8', 'below', ''],
  ]);
});

// Seen red with: unknown names of --only let through.
test('an unknown part and an invalid number are refused', () => {
  expect(parseOptions([])).toMatchObject({ events: 200_000, rounds: 3, write: false, full: false });
  expect(parseOptions(['--only', 'idle', '--only', 'band']).parts).toEqual(['band', 'idle']);
  expect(() => parseOptions(['--only', 'bands'])).toThrow(/--only bands: known are band, dancefinder/);
  expect(() => parseOptions(['--events', '1e9.5'])).toThrow(/--events/);
  expect(() => parseOptions(['--round', '3'])).toThrow(/round/);
});
