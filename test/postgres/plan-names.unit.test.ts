import { expect, test } from 'vitest';
import { PlanNames } from '../../src/postgres/plan-names.ts';

const SMALL = { statements: 3, characters: 1000 };

// Seen red with: `#names.delete` before `#names.set` left out of `use` (the oldest one is then evicted, however often it is used).
test('the least recently used statement is evicted, not the oldest one', () => {
  const plans = new PlanNames(SMALL);
  const [first, second] = ['SELECT 1', 'SELECT 2', 'SELECT 3'].map((text) => plans.use(text)?.name);
  plans.use('SELECT 1');
  expect(plans.use('SELECT 4')?.evicted).toEqual([second]);
  expect(plans.use('SELECT 1')).toEqual({ name: first, evicted: [] });
});

// Seen red with: characters not compared.
test('prepared texts are bounded by their total length as well as by their number', () => {
  const plans = new PlanNames(SMALL);
  const long = plans.use(`SELECT '${'a'.repeat(600)}'`)?.name;
  expect(plans.use(`SELECT '${'b'.repeat(600)}'`)?.evicted).toEqual([long]);
});

test('a text of a megabyte is not prepared, and evicts nothing', () => {
  const plans = new PlanNames();
  plans.use('SELECT 1');
  expect(plans.use(`SELECT '${'a'.repeat(1_000_000)}'`)).toBeNull();
  expect(plans.has('SELECT 1')).toBe(true);
});

test('a text has the same name in every session', () => {
  expect(new PlanNames().use('SELECT 1')).toEqual(new PlanNames(SMALL).use('SELECT 1'));
});
