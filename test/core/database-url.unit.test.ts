import { expect, test, vi } from 'vitest';
import { readDatabaseUrl } from '../../src/core/database-url.ts';
import { connect, describeAddress } from '../../src/postgres/pool.ts';

// Seen red with: any of the checks left out of `readDatabaseUrl`.
test.each([
  ['mysql://h/db', 'must begin with postgres'],
  ['postgres://u:p@a,b/db', 'names several hosts'],
  ['postgres://u:p@a:5432,b:5433/db', 'names several hosts'],
  ['postgres:///db?host=a,b', 'names several hosts'],
  ['postgres://h/db?hostaddr=10.0.0.1', 'hostaddr'],
  ['postgres://h/db?sslmode=verify', 'none of disable, prefer, require, verify-ca, verify-full'],
  ['postgres://h/db?sslmode=', 'none of disable'],
  ['postgres://h/db?sslmode=allow', 'none of disable'],
  ['postgres://h/db?sslmode=verify-ca', 'without sslrootcert'],
  ['postgres://h/db?sslmode=require&sslrootcert=system', 'verify-full'],
  ['postgres://h:70000/db', 'port'],
  ['postgres://h/db?port=70000', 'port'],
  ['postgres://u:a%ff@h/db', 'URL'],
])('%s is refused: %s', (url, problem) => {
  expect(readDatabaseUrl(url)).toEqual({ problem: expect.stringContaining(problem) });
  expect(() => connect({ address: { url }, applicationName: 'test', max: 1 })).toThrow(problem);
  expect(describeAddress({ url })).toBe('the given URL');
});

test.each([
  ['postgres://u:geheim@h:1/db', 'h:1/db'],
  ['postgres://u:geheim@[::1]:1/db', '[::1]:1/db'],
  ['postgres://u:geheim@/db?host=/run/pg', '/run/pg/.s.PGSQL.5432/db'],
  ['postgres://u:geheim@%2Frun%2Fpg:6/db', '/run/pg/.s.PGSQL.6/db'],
  ['postgres://h/db?host=other&port=7', 'other:7/db'],
  ['postgres://h/db?user=me%40tenant&password=geheim', 'h:5432/db'],
])('%s leads to %s', (url, where) => {
  expect(readDatabaseUrl(url)).not.toHaveProperty('problem');
  expect(describeAddress({ url })).toBe(where);
});

// Seen red with: isAmbiguousUrl left out of `readDatabaseUrl`.
test.each(['/', '?', '#', '@/', '@?x=1&', '@ss/w#', '/1@'])(
  'no part of a password with %s in it is shown',
  (middle) => {
    for (const before of ['12', 'secret']) {
      const url = `postgres://u:${before}${middle}hidden@h/db`;
      const where = describeAddress({ url });
      expect(['the given URL', 'h:5432/db']).toContain(where);
      const read = readDatabaseUrl(url);
      if ('problem' in read) expect(read.problem).not.toMatch(/hidden|secret/);
    }
  },
);

test('what is said of TLS is taken out of the URL, and the rest is left as it was written', () => {
  const url = 'postgres://u:a%2Fb@h/db?options=-c%20x%3D1&sslmode=require&uselibpqcompat=true&user=me';
  expect(readDatabaseUrl(url)).toEqual({
    url: 'postgres://u:a%2Fb@h/db?options=-c%20x%3D1&user=me',
    tls: { mode: 'require', rootCert: null, cert: null, key: null },
    path: '/db',
  });
});

test('where the URL names no host, the environment does', () => {
  vi.stubEnv('PGHOST', '/run/pg');
  vi.stubEnv('PGPORT', '6');
  expect(describeAddress({ url: 'postgres:///db' })).toBe('/run/pg/.s.PGSQL.6/db');
  vi.unstubAllEnvs();
});
