import { expect, test } from 'vitest';
import { lookup, multi, none } from '../../src/core/compound-statements.ts';
import type { Statement } from '../../src/core/statement.ts';
import { flattenStatements } from '../../src/projector/flatten.ts';
import { create } from '../../src/read-model/statements/create-statement.ts';
import { remove } from '../../src/read-model/statements/remove-statement.ts';
import { WRITE_DEFINITIONS } from '../../src/read-model/statements/statement-registry.ts';

const [first, second, third] = [create('t', { a: 1 }), remove('t', { a: 1 }), create('t', { a: 2 })];

// Seen red with: `multi` pushed as it is; `none` pushed.
test('compound statements become their parts in order at any depth, and empty ones are dropped', () => {
  expect(flattenStatements(first)).toEqual([first]);
  expect(flattenStatements([first, second])).toEqual([first, second]);
  expect(flattenStatements(multi(first, multi(second, none()), third))).toEqual([first, second, third]);
  expect(flattenStatements([none(), multi(), []].flat())).toEqual([]);
});

test('each kind of statement is accepted', () => {
  for (const { kind } of WRITE_DEFINITIONS) expect(flattenStatements({ kind } as Statement), kind).toEqual([{ kind }]);
  const poll = lookup('t', { select: 'a', where: { a: 'x' } }, () => none());
  expect(flattenStatements(poll)).toEqual([poll]);
});

// Seen red with: the checks of its type and of null removed, each alone.
test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  [7, 'number'],
  ['create', 'string'],
  [() => first, 'function'],
  [{}, 'object'],
  [{ kind: 'drop' }, 'object'],
  [[[first]], 'object'],
])('the error for a handler that returns %o names the type', (result, what) => {
  const refused = expect.objectContaining({ code: 'HANDLER_RESULT_INVALID', fields: { result: what } });
  expect(() => flattenStatements(result)).toThrow(refused);
  expect(() => flattenStatements([first, result])).toThrow(refused);
  expect(() => flattenStatements({ kind: 'multi', statements: [first, result] })).toThrow(refused);
});
