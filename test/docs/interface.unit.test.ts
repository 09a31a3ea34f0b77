import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { VERBS } from '../../src/cli/verbs/verb-registry.ts';
import { ABSENT_SETTINGS } from '../../src/config/no-effect.ts';
import { SETTING_NAMES, SETTING_SOURCES } from '../../src/config/schema.ts';
import { ERROR_CODES } from '../../src/core/errors.ts';
import { createControlApi } from '../../src/http/control-api.ts';
import { PROBLEMS } from '../../src/http/problem.ts';
import { Captured, capturedContext } from '../cli/captured.ts';
import { FakeDaemon } from '../http/fake-daemon.ts';

const root = new URL('../../', import.meta.url);
const FILES = [
  'README.md',
  'examples/dancefinder/README.md',
  ...(await readdir(new URL('docs/', root))).filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`),
  'docs/reference/config.md',
  'docs/reference/errors.md',
  'docs/reference/tables.md',
];
const pages = await Promise.all(
  FILES.map(async (file) => ({ file, text: await readFile(new URL(file, root), 'utf8') })),
);
const all = pages.map(({ text }) => text).join('\n');

async function helpOf(...args: readonly string[]): Promise<string> {
  const stdout = new Captured();
  const terminal = { stdout, stderr: new Captured() };
  const context = { ...capturedContext(), terminal, version: '1', onInterrupt: () => () => undefined };
  await runProgram([...args, '--help'], VERBS, context);
  return stdout.text;
}

const verbsIn = (help: string): readonly string[] =>
  [...(help.split('Commands:')[1] ?? '').matchAll(/^ {2}([a-z]+)/gm)].flatMap(([, verb]) => verb ?? []);
const flagsIn = (help: string): readonly string[] =>
  [...(help.split('Options:')[1] ?? '').matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].flatMap(([, flag]) => flag ?? []);

const top = await helpOf();
const verbs = verbsIn(top).filter((verb) => verb !== 'help');
const flags = new Map<string, ReadonlySet<string>>();
for (const verb of verbs) {
  const help = await helpOf(verb);
  const below = await Promise.all(verbsIn(help).map(async (sub) => await helpOf(verb, sub)));
  flags.set(verb, new Set([help, ...below].flatMap(flagsIn)));
}

/** Commands as pages write them: `projectionist VERB …` up to the end of the line or of the backticks. */
const commands = pages.flatMap(({ file, text }) =>
  [...text.matchAll(/(?:^|[`$ ])projectionist (?:-- )?([a-z]+)\b([^`\n|#]*)/gm)].map(([, verb = '', rest = '']) => ({
    file,
    verb,
    rest,
    text: `projectionist ${verb}${rest}`,
  })),
);

// Seen red with: `projectionist rebuild band`, and `status --watch`, in docs/operations.md.
test('every command and flag that a page shows exists', () => {
  expect(verbs.length).toBeGreaterThan(10);
  const shown = commands.filter(({ text }) => /^projectionist [a-z]+(?: [A-Z-]|$| [\w./-]+(?: |$))/.test(text));
  const wrong = shown.filter(({ verb, rest }) => {
    const known = flags.get(verb);
    if (known === undefined) return /^(?: --| [A-Z]| [a-z_]+$)/.test(rest) || rest === '';
    return [...rest.matchAll(/ (--[a-z-]+)/g)].some(([, flag]) => !known.has(flag ?? '') && flag !== '--help');
  });
  expect(wrong.map(({ file, text }) => `${file}: ${text}`)).toEqual([]);
});

// Seen red with: the row of `wait` taken out of docs/operations.md and docs/control-api.md.
test('every command and every flag is on some page', () => {
  const missing = verbs.filter((verb) => !commands.some((one) => one.verb === verb));
  const own = [...flags].flatMap(([verb, its]) => [...its].map((flag) => `${verb} ${flag}`));
  const unnamed = own.filter((one) => !one.endsWith(' --help') && !all.includes(one.split(' ')[1] ?? ''));
  expect([missing, unnamed]).toEqual([[], []]);
});

test('every example in the help of a command is a command that exists', async () => {
  const helps = await Promise.all([[], ...verbs.map((verb) => [verb])].map((args) => helpOf(...args)));
  const given = helps.flatMap((help) => [...help.matchAll(/^ {2}projectionist ([a-z]+)(.*)$/gm)]);
  const wrong = given.filter(
    ([, verb = '', rest = '']) =>
      !verbs.includes(verb) ||
      [...rest.matchAll(/ (--[a-z-]+)/g)].some(([, flag]) => !flags.get(verb)?.has(flag ?? '')),
  );
  expect(given.length).toBeGreaterThan(10);
  expect(wrong.map(([line]) => line)).toEqual([]);
});

const METHODS = ['GET', 'POST', 'WS'];
const daemon = new FakeDaemon();
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const api = createControlApi({ daemon, token: 't', host: '127.0.0.1', port: 0, version: '1', log });
const routes = api.app.routes
  .filter(({ method, path }) => METHODS.includes(method) && !path.includes('*'))
  .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, (_, name: string) => name.toUpperCase())}`);

// Seen red with: the row of `GET /token` taken out of docs/control-api.md; `GET /daemons` put into it.
test('every route of the control API is on a page, and every route on a page exists', () => {
  const shown = [...all.matchAll(/\b(GET|POST) (\/[\w/.]*)/g)].map(
    ([, method, path = '']) => `${method} ${path.replace(/^\/projections\/[a-z_]+/, '/projections/NAME')}`,
  );
  const there = new Set([...routes, 'GET /graphql', 'POST /graphql']);
  expect([...new Set(routes)].filter((one) => !shown.includes(one) && !/ \/(assets|favicon)/.test(one))).toEqual([]);
  expect([...new Set(shown)].filter((one) => !there.has(one))).toEqual([]);
});

/** Names in capitals that pages have of others: PostgreSQL, Node, npm, the shell. */
const OTHERS = /^(?:PG[A-Z]+|NODE_ENV|NO_COLOR|SQL_[A-Z]+|XDG_[A-Z_]+)$/;

// Seen red with: `RETRY_AFTER_MS` in docs/operations.md.
test('every name in capitals with an underscore in backticks on a page is a setting, a code, or a name of other software', () => {
  const known = new Set<string>([
    ...SETTING_NAMES.map((name) => SETTING_SOURCES[name].env),
    ...ABSENT_SETTINGS.map(({ setting }) => setting),
    ...ERROR_CODES,
    ...Object.keys(PROBLEMS),
    'PROJECTIONIST_URL',
    // Of the test kit.
    'TEST_DATABASE_URL',
  ]);
  const wrong = pages.flatMap(({ file, text }) =>
    [...text.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`/g)]
      .flatMap(([, name]) => name ?? [])
      .filter((name) => !known.has(name) && !OTHERS.test(name))
      .map((name) => `${file}: ${name}`),
  );
  expect(wrong).toEqual([]);
});
