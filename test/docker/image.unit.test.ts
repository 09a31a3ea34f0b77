import { access, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { SETTING_NAMES, SETTING_SOURCES } from '../../src/config/schema.ts';

const root = new URL('../../', import.meta.url);
const read = async (file: string) => (await readFile(new URL(file, root), 'utf8')).replaceAll('\\\n', ' ');
const [dockerfile, ignore, compose] = await Promise.all(
  ['Dockerfile', '.dockerignore', 'docker-compose.yml'].map(read),
).then(([a = '', b = '', c = '']) => [a, b, c] as const);

const settings = SETTING_NAMES.map((name) => SETTING_SOURCES[name].env);

/** What the Dockerfile takes from the checkout. */
const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) =>
  sources.split(' '),
);

/** The lines of one service's block in docker-compose.yml, by the name of its key. */
function keysOf(service: string, block: string): readonly string[] {
  const [, body = ''] = new RegExp(`^  ${service}:\\n((?: {4}.*\\n|\\n)*)`, 'm').exec(compose) ?? [];
  const [, inner = ''] = new RegExp(`^    ${block}:\\n((?: {6}.*\\n)*)`, 'm').exec(body) ?? [];
  return [...inner.matchAll(/^ {6}([\w-]+):/gm)].map(([, key = '']) => key);
}

// Seen red with: AMQP_URI among the daemon's environment; PORTS in ENV.
test('every variable that the image and the compose file set is a setting of the daemon', () => {
  const given = keysOf('projectionist', 'environment');
  expect(given).toEqual(expect.arrayContaining(['DATABASE_URL', 'PROJECTIONIST_TOKEN', 'ALLOWED_HOSTS']));
  for (const name of given) expect(settings).toContain(name);
  const [, line = ''] = /^ENV (.+)$/m.exec(dockerfile) ?? [];
  const inImage = [...line.matchAll(/(\w+)=\S+/g)].map(([, name = '']) => name);
  expect(inImage).toContain('HOST');
  for (const name of inImage) expect([...settings, 'NODE_ENV']).toContain(name);
});

// Seen red with: `!sql` left out of .dockerignore; a COPY of a folder that is not there.
test('every path that the Dockerfile copies exists, and .dockerignore admits these paths and no others', async () => {
  expect(copied).toEqual(expect.arrayContaining(['package-lock.json', 'src', 'machines', 'sql']));
  for (const source of copied) await access(new URL(source, root));
  const [first, ...allowed] = ignore.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(first).toBe('*');
  const folders = copied.map((source) => `!${source.split('/')[0]}`);
  expect([...new Set(allowed)].sort()).toEqual([...new Set(folders)].sort());
});

// Seen red with: the token's `:?` made `:-`; a port without 127.0.0.1; the command written as a shell's.
test('no port is open to other machines or without a token, and SIGTERM reaches node', () => {
  expect(compose).toMatch(/^ {6}PROJECTIONIST_TOKEN: \$\{PROJECTIONIST_TOKEN:\?\S.+\}$/m);
  const ports = [...compose.matchAll(/^ {6}- "(.+)"$/gm)].map(([, port = '']) => port);
  expect(ports).toHaveLength(4);
  for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  expect(dockerfile).toMatch(/^USER node$/m);
  for (const instruction of ['ENTRYPOINT', 'CMD']) {
    expect(dockerfile).toMatch(new RegExp(`^${instruction} \\[".+"\\]$`, 'm'));
  }
});
