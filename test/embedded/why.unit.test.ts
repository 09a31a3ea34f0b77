import { describe, expect, test } from 'vitest';
import { panicIn, whyFolder, whyOf } from '../../src/embedded/why.ts';

describe('of what a program said, the reason is', () => {
  test.each([
    ['the first error', 'LOG: a\ninitdb: error: no space\nPANIC:  worse\n', 'no space'],
    ['an error behind a time and a process id', '2026-01-01 UTC [7] FATAL:  no lock\n HINT: none', 'no lock'],
    ['the last line where none is an error', 'one\n two \n\n', 'two'],
    ['that it said nothing', ' \n', 'it said nothing'],
  ])('%s', (_, output, why) => {
    expect(whyOf(output)).toBe(why);
  });
});

test('errors of statements are not why a server ended', () => {
  expect(panicIn('ERROR: duplicate key\nFATAL: terminating connection')).toBeNull();
  expect(panicIn('ERROR: duplicate key\nPANIC:  could not write\nERROR: other')).toBe('could not write');
});

test('what is no trouble of a folder is left to others', () => {
  expect(whyFolder(new Error('initdb ended'))).toBeNull();
  expect(whyFolder(Object.assign(new Error('spawn x EACCES'), { code: 'EACCES', syscall: 'spawn x' }))).toBeNull();
  const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC', path: '/data' });
  expect(whyFolder(full)).toBe('no space left for /data: free some');
});
