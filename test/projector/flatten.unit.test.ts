import { expect, test } from 'vitest';
import { lookup, multi, none } from '../../src/core/compound-statements.ts';
import type { Statement } from '../../src/core/statement.ts';
import { flattenStatements } from '../../src/projector/flatten.ts';
import { create } from '../../src/read-model/statements/create-statement.ts';
import { remove } from '../../src/read-model/statements/remove-statement.ts';
import { WRITE_DEFINITIONS } from '../../src/read-model/statements/statement-registry.ts';

const [first, second, third] = [create('t', { a: 1 }), remove('t', { a: 1 }), create('t', { a: 2 })];

// Seen red with: `multi` pushed as it is; `none` pushed.
test('compounds become their parts in order, however deep, and what does nothing is left out', () => {
  expect(flattenStatements(first)).toEqual([first]);
  expect(flattenStatements([first, second])).toEqual([first, second]);
  expect(flattenStatements(multi(first, multi(second, none()), third))).toEqual([first, second, third]);
  expect(flattenStatements([none(), multi(), []].flat())).toEqual([]);
});

test('each kind of statement is one', () => {
  for (const { kind } of WRITE_DEFINITIONS) expect(flattenStatements({ kind } as Statement), kind).toEqual([{ kind }]);
  const poll = lookup('t', { select: 'a', where: { a: 'x' } }, () => none());
  expect(flattenStatements(poll)).toEqual([poll]);
});

// Seen red with: the looks at its type and at null taken out, each alone.
test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  [7, 'number'],
  ['create', 'string'],
  [() => first, 'function'],
  [{}, 'object'],
  [{ kind: 'drop' }, 'object'],
  [[[first]], 'object'],
])('a handler that returns %o is told what that is', (result, what) => {
  const refused = expect.objectContaining({ code: 'HANDLER_RESULT_INVALID', fields: { result: what } });
  expect(() => flattenStatements(result)).toThrow(refused);
  expect(() => flattenStatements([first, result])).toThrow(refused);
  expect(() => flattenStatements({ kind: 'multi', statements: [first, result] })).toThrow(refused);
});
