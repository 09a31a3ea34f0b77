import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MUTATION_TESTS } from './mutation.config.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const mutated: readonly string[] = JSON.parse(readFileSync(join(root, 'stryker.config.json'), 'utf8')).mutate;
const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .map((name) => `test/${name.replaceAll('\\', '/')}`)
  .filter((name) => name.endsWith('.unit.test.ts'));

/** Each choice of `{a,b}` is a pattern of its own, so that a stale name inside the braces is found too. */
function alternatives(pattern: string): readonly string[] {
  const [whole, choices] = /\{([^}]*)\}/.exec(pattern) ?? [];
  if (whole === undefined || choices === undefined) return [pattern];
  return choices.split(',').flatMap((choice) => alternatives(pattern.replace(whole, choice)));
}

function matches(pattern: string): readonly string[] {
  const source = pattern
    .replaceAll('.', '\\.')
    .replaceAll('**/', '(?:.+/)?')
    .replaceAll(/(?<!\.)\*/g, '[^/]*');
  const expression = new RegExp(`^${source}$`);
  return tests.filter((name) => expression.test(name));
}

const patterns = MUTATION_TESTS.flatMap(alternatives);

// Seen red with: a name inside the braces of a pattern that no test has.
test('each pattern of the mutation runs names a test that exists', () => {
  expect(patterns.filter((pattern) => matches(pattern).length === 0)).toEqual([]);
});

// Seen red with: a file of the list renamed.
test('each mutated file exists', () => {
  expect(mutated.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

// Seen red with: the pattern of test/broker left out.
test('the room of each mutated file has a test in the mutation runs', () => {
  const rooms = new Set(patterns.flatMap(matches).map((name) => dirname(name.slice('test/'.length)).split('/')[0]));
  const room = (file: string): string => file.replace(/^src\//, '').split('/')[0] ?? '';
  expect(mutated.filter((file) => !rooms.has(room(file)))).toEqual([]);
});
