import { expect, test } from 'vitest';
import { createRateLimit } from '../../src/http/rate-limit.ts';

function clocked(remotes?: number) {
  let now = 0;
  const take = createRateLimit({ burst: 3, perSecond: 2 }, () => now, remotes);
  return {
    take,
    times: (count: number, remote = 'a') => Array.from({ length: count }, () => take(remote)),
    pass: (ms: number) => {
      now += ms;
    },
  };
}

// Seen red with: the bucket filled beyond its burst; one bucket for all.
test('a remote may send a burst, then a number of commands a second, and other remotes are not limited by it', () => {
  const { times, take, pass } = clocked();
  expect(times(4)).toEqual(['taken', 'taken', 'taken', 'refused']);
  expect(take('b')).toBe('taken');
  pass(500);
  expect(times(2)).toEqual(['taken', 'refused again']);
  pass(3_600_000);
  expect(times(4).filter((outcome) => outcome === 'taken')).toHaveLength(3);
});

test('a remote that keeps sending commands is logged every ten seconds', () => {
  const { times, pass } = clocked();
  expect(times(6).slice(3)).toEqual(['refused', 'refused again', 'refused again']);
  // What was put back meanwhile is taken by the next three.
  pass(9_999);
  expect(times(4)).toEqual(['taken', 'taken', 'taken', 'refused again']);
  pass(1);
  expect(times(1)).toEqual(['refused']);
});

// Seen red with: the map never emptied; the newest dropped in place of the oldest.
test('very many remotes take no more memory than the bound, and the least recently used bucket is dropped', () => {
  const { take, times } = clocked(2);
  times(3, 'a');
  take('b');
  expect(take('a')).toBe('refused');
  take('c');
  expect(take('a')).toBe('refused again');
  take('d');
  expect(take('c')).toBe('taken');
  for (const one of ['e', 'f']) take(one);
  expect(take('a')).toBe('taken');
});
