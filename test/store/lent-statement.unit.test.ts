import { expect, test } from 'vitest';
import { readLentStatement } from '../../src/store/lent-statement.ts';

test.each([
  'COMMIT',
  'commit',
  ' \n\t; ;COMMIT AND CHAIN',
  '-- to be sure\nCOMMIT',
  '/* a */ /* b /* c */ COMMIT */ COMMIT',
  '/* never ends',
  'END',
  'ABORT',
  'BEGIN',
  'START TRANSACTION',
  'ROLLBACK',
  'ROLLBACK WORK',
  'ROLLBACK AND CHAIN',
  "ROLLBACK PREPARED 'x'",
  "PREPARE TRANSACTION 'x'",
  'PREPARE x AS SELECT 1',
  'DEALLOCATE ALL',
  'DISCARD TEMP',
  'SET search_path TO x',
  'SET SESSION statement_timeout = 0',
  'SET LOCAL ROLE x',
  'SET LOCAL /* quietly */ search_path = x',
  'SET TRANSACTION READ ONLY',
  'RESET ALL',
  'LISTEN x',
  'UNLISTEN *',
  'COPY x FROM STDIN',
  'SAVEPOINT projectionist_1',
  'SAVEPOINT "projectionist_1"',
  'ROLLBACK TO PROJECTIONIST_1',
  'RELEASE SAVEPOINT projectionist_1',
  'SAVEPOINT U&"\\0070rojectionist_1"',
  'SAVEPOINT',
])('a handler may not send: %s', (text) => {
  const expected = text.startsWith('/* never') ? 'plain' : 'refused';
  expect(readLentStatement(text).kind).toBe(expected);
});

test.each([
  'SELECT 1',
  '(SELECT 1)',
  'WITH x AS (SELECT 1) SELECT * FROM x',
  'INSERT INTO commits VALUES (1)',
  'SET CONSTRAINTS ALL IMMEDIATE',
  "SET LOCAL lock_timeout = '1s'",
  'NOTIFY x',
  'LOCK TABLE x',
  'CALL x()',
  'EXECUTE x',
  '',
])('a handler may send: %s', (text) => {
  expect(readLentStatement(text)).toEqual({ kind: 'plain' });
});

test.each([
  ['SAVEPOINT a', 'savepoint', 'a'],
  ['savepoint /* x */ A', 'savepoint', 'a'],
  ['SAVEPOINT "A ""b"""', 'savepoint', 'A "b"'],
  ['ROLLBACK TO a', 'rollback to', 'a'],
  ['ROLLBACK TRANSACTION TO SAVEPOINT a ;', 'rollback to', 'a'],
  ['RELEASE a', 'release', 'a'],
  ['RELEASE SAVEPOINT å', 'release', 'å'],
])('%s is a %s of %s', (text, kind, name) => {
  expect(readLentStatement(text)).toEqual({ kind, name });
});
