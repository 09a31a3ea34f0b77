import { expect, test } from 'vitest';
import { readGuardedStatement } from '../../src/postgres/guarded-statement.ts';

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
  expect(readGuardedStatement(text).kind).toBe(expected);
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
  expect(readGuardedStatement(text)).toEqual({ kind: 'plain' });
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
  expect(readGuardedStatement(text)).toEqual({ kind, name });
});

const ENDS = 'the transaction is the engine’s: it begins and ends it';
const STAYS = 'it would outlive the transaction, on a connection that others use next';

test.each([
  ['COMMIT', ENDS],
  ['ROLLBACK', ENDS],
  ['LISTEN x', STAYS],
  ['COPY x FROM STDIN', 'it takes over the connection: use INSERT, or SELECT'],
  ['SET search_path TO x', `${STAYS}; SET LOCAL does not`],
  ['SET LOCAL ROLE x', 'the engine’s own statements run in the same transaction'],
  ['SET LOCAL SESSION AUTHORIZATION x', 'the engine’s own statements run in the same transaction'],
  ["SET LOCAL timezone = 'Asia/Kolkata'", 'the engine’s own statements run in the same transaction'],
  ["SET LOCAL TIME ZONE 'Asia/Kolkata'", 'the engine’s own statements run in the same transaction'],
  ['SET LOCAL row_security TO on', 'the engine’s own statements run in the same transaction'],
  ['SET LOCAL SCHEMA x', 'the engine’s own statements run in the same transaction'],
  ['SET LOCAL TRANSACTION READ ONLY', 'the engine’s own statements run in the same transaction'],
  ['SAVEPOINT', 'the name of the savepoint cannot be read'],
  ['SAVEPOINT a b', 'the name of the savepoint cannot be read'],
  ['SAVEPOINT projectionist_1', 'savepoints that begin with projectionist_ are the engine’s'],
])('a handler that sends %s gets the reason of the refusal', (text, reason) => {
  expect(readGuardedStatement(text)).toEqual({ kind: 'refused', reason });
});

test.each([
  ['ROLLBACK WORK TO a1$', 'rollback to', 'a1$'],
  ['ROLLBACK WORK TO SAVEPOINT _a', 'rollback to', '_a'],
  ['SAVEPOINT åÅ1', 'savepoint', 'åå1'],
  ['SAVEPOINT a-- the end', 'savepoint', 'a'],
  ['SAVEPOINT a -- the end\r;', 'savepoint', 'a'],
  ['SAVEPOINT/* one /* two */ */a/* three */;', 'savepoint', 'a'],
  ['SAVEPOINT "a;b"', 'savepoint', 'a;b'],
  ['SAVEPOINT saveпроектор', 'savepoint', 'saveпроектор'],
])('%s is a %s of %s, however its words are separated', (text, kind, name) => {
  expect(readGuardedStatement(text)).toEqual({ kind, name });
});

test.each(['COMMITTED', 'END_', 'BEGIN1', 'xCOMMIT', '_COMMIT', '1COMMIT', '"COMMIT"', "'COMMIT'", 'COMMIT$'])(
  '%s is no keyword that is refused',
  (text) => {
    expect(readGuardedStatement(text)).toEqual({ kind: 'plain' });
  },
);
