import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { killAll, projectionist, type Running, run, untilSaid } from '../support/command.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist/src/cli/main.js');
const page = await readFile(join(ROOT, 'docs/tutorial-a-bad-night.md'), 'utf8');

type Step =
  | { readonly kind: 'file'; readonly name: string; readonly text: string }
  | { readonly kind: 'command'; readonly args: readonly string[]; readonly shown: readonly string[] };

/** The files and commands of the page, in its order. */
function steps(): readonly Step[] {
  const blocks = /(?:`([\w.]+)`(?:, mended)?:\n\n)?```(js|json|console)\n(.*?)```/gs;
  return [...page.matchAll(blocks)].flatMap(([, name = '', language, text = '']): readonly Step[] => {
    if (language !== 'console') return [{ kind: 'file', name, text }];
    return text
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = '', ...shown] = part.split('\n');
        return { kind: 'command', args: command.split(' '), shown };
      });
  });
}

/** What differs from run to run is no matter: ids that are drawn, times, ports, tokens, speed, the width of columns. */
function lines(text: string): readonly string[] {
  return stripVTControlCharacters(text)
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/http:\S+/g, 'ADDRESS')
    .split('\n')
    .map((line) =>
      line
        .replaceAll(/ [\d,]+\/s /g, ' - ')
        .replaceAll(/ \(\d+ s\)/g, ' (SECONDS)')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '' && line !== '…');
}

let folder: string;
let database: TestDatabase;
let env: Readonly<Record<string, string>>;
let daemon: Running | null = null;

beforeAll(async () => {
  [folder, database] = await Promise.all([mkdtemp(join(tmpdir(), 'projectionist-night-')), createTestDatabase()]);
  env = {
    DATABASE_URL: database.url,
    RETRY_FAILED_AFTER_MS: '10',
    LOG_LEVEL: 'fatal',
    TEST_DATABASE_URL: inject('postgres').url,
  };
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules/projectionist'));
});
afterAll(async () => {
  killAll();
  await Promise.all([rm(folder, { recursive: true, force: true }), database.drop()]);
});

async function stopDaemon(): Promise<void> {
  daemon?.child.kill('SIGTERM');
  if (daemon !== null) expect(await daemon.ended).toEqual({ code: 0, signal: null });
}

async function output(args: readonly string[]): Promise<string> {
  const [program = '', ...rest] = args;
  const options = { cwd: folder, env };
  if (program === 'projectionist') return (await projectionist(rest, options)).out;
  const running = run(program, rest, options);
  await running.ended;
  return running.out();
}

async function start(args: readonly string[]): Promise<string> {
  await stopDaemon();
  daemon = run(process.execPath, [MAIN, ...args], { cwd: folder, env });
  await untilSaid(daemon, /\d live, /);
  return daemon.out();
}

// Seen red with: words in the transcript that no command says.
test('the commands of docs/tutorial-a-bad-night.md print what the page shows', async () => {
  expect(steps().length).toBeGreaterThan(15);
  for (const step of steps()) {
    if (step.kind === 'file') {
      await writeFile(join(folder, step.name), step.text);
      continue;
    }
    const shows = async (): Promise<void> => {
      const said = step.args[1] === 'start' ? await start(step.args.slice(1)) : await output(step.args);
      const expected = lines(step.shown.join('\n'));
      expect(
        lines(said).filter((line) => expected.includes(line)),
        `${step.args.join(' ')}\n${said}`,
      ).toEqual(expected);
    };
    // The daemon takes a moment to notice and to apply.
    if (step.args[1] === 'status') await vi.waitFor(shows, { timeout: 60_000, interval: 50 });
    else await shows();
  }
  await stopDaemon();
});

test('every command that the tutorial names exists', async () => {
  const { out } = await projectionist(['--help'], { cwd: folder, env });
  const named = [...page.matchAll(/[`$] ?projectionist (\w+)/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(8);
  for (const name of named) expect(out).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
});
