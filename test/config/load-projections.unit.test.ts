import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, Script } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfigFile } from '../../src/config/load-projections.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'config-file-'));
});
afterEach(() => rm(cwd, { recursive: true }));

/** Node's own import: the test runner's would read TypeScript and word syntax errors its own way. */
const importModule = new Script('(url) => import(url)', {
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
}).runInThisContext() as (url: string) => Promise<unknown>;

const PREAMBLE = `
const projection = (name, ...tables) => ({
  name, version: 1, schema: '', reset: null, events: new Map(),
  tables: new Map(tables.map((table) => [table, { key: ['id'] }])),
  handlers: new Map([['Happened', () => []]]),
});
`;

async function load(text: string, name = 'projectionist.config.js') {
  await writeFile(join(cwd, 'package.json'), '{"type":"module"}');
  await writeFile(join(cwd, name), PREAMBLE + text);
  return loadConfigFile({ cwd, importModule, readsTypeScript: false });
}

describe('the config file', () => {
  it('gives its projections, from a list', async () => {
    const list = await load(`export const projections = [projection('a', 'a'), projection('b', 'b')];`);
    expect(list.projections.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(list).toMatchObject({
      file: join(cwd, 'projectionist.config.js'),
      sample: null,
      traffic: null,
      settings: {},
    });
  });

  it('is found as .mjs when there is no .js, and may give them as a record', async () => {
    const loaded = await load(`export const projections = { x: projection('c', 'c') };`, 'projectionist.config.mjs');
    expect(loaded.projections.map(({ name }) => name)).toEqual(['c']);
  });

  it('may put everything into its default export, which named exports win over', async () => {
    const loaded = await load(`
      export const settings = { port: 1 };
      export default { projections: [projection('a', 'a')], settings: { port: 2 }, sample: () => [], traffic: () => [] };`);
    expect(loaded.settings).toEqual({ port: 1 });
    expect(loaded.projections).toHaveLength(1);
    expect([typeof loaded.sample, typeof loaded.traffic]).toEqual(['function', 'function']);
  });

  // Seen red with: `events` left out of EXPORTS.
  it('may give schemas for its events, which every projection gets', async () => {
    const schema = `{ '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }`;
    const loaded = await load(`
      export const events = { Happened: ${schema} };
      export const projections = [projection('a', 'a'), projection('b', 'b')];`);
    expect(loaded.projections.map(({ events }) => [...events.keys()])).toEqual([['Happened'], ['Happened']]);
  });

  it('may export the list of projections as its default', async () => {
    expect((await load(`export default [projection('a', 'a')];`)).projections).toHaveLength(1);
  });

  it('is looked for in the working folder, and its absence says what to do', async () => {
    await expect(loadConfigFile({ cwd })).rejects.toMatchObject({
      code: 'CONFIG_FILE',
      message: `cannot use projectionist.config.js: there is none in ${cwd}; go where it is, or give its path with --config`,
    });
    await expect(loadConfigFile({ cwd, path: 'else.js' })).rejects.toThrow(`${join(cwd, 'else.js')}: it is not there`);
  });

  it('in TypeScript needs a Node that reads it', async () => {
    await expect(load('export const projections: never[] = [];', 'projectionist.config.ts')).rejects.toThrow(
      /does not read TypeScript; build it first and give the \.js file with --config$/,
    );
  });

  it.each([
    [
      'has a syntax error',
      'export const projections = ;',
      /does not parse: Unexpected token .* \(`node --check .*config\.js` shows where\)$/,
    ],
    ['imports what is not installed', `import 'no-such-package-here';`, /Cannot find package 'no-such-package-here'/],
    ['throws', `throw new Error('boom');`, /: boom$/],
    ['throws something else', `throw 'boom';`, /: it throws boom$/],
    ['exports no projections', 'export const projection1 = projection("a", "a");', /it exports no `projections`$/],
    ['has an empty list', 'export const projections = [];', /`projections` is empty$/],
    ['exports a text', 'export const projections = "band";', /neither a list nor a record/],
    [
      'has something else in the list',
      'export const projections = [{ name: "a" }];',
      /projections\[0\] is not a projection/,
    ],
    [
      'has a sample that is no function',
      `export const sample = 1; export const projections = [projection('a', 'x')];`,
      /`sample` is not a function/,
    ],
    [
      'has events that are no schemas',
      `export const events = { Happened: 1 }; export const projections = [projection('a', 'x')];`,
      /: events\.Happened is no Standard Schema$/,
    ],
    [
      'has a list of events',
      `export const events = [1]; export const projections = [projection('a', 'x')];`,
      /`events` is not a record of schemas by event type$/,
    ],
    [
      'has settings that are no object',
      `export const settings = 1; export const projections = [projection('a', 'x')];`,
      /`settings` is not an object$/,
    ],
    ['has a default export that is no object', 'export default 1;', /its default export is a number/],
  ])('that %s is refused with its path and the reason', async (_what, text, message) => {
    const loading = load(text);
    await expect(loading).rejects.toMatchObject({ code: 'CONFIG_FILE' });
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toThrow(cwd);
  });

  it('with two projections on one table is refused', async () => {
    await expect(
      load(`export const projections = [projection('a', 'x', 't'), projection('b', 't')];`),
    ).rejects.toMatchObject({
      code: 'TABLE_SHARED',
      fields: { table: 't', first: 'a', second: 'b' },
    });
  });

  it('with two projections of one name is refused', async () => {
    await expect(
      load(`export const projections = [projection('a', 'x'), projection('a', 'y')];`),
    ).rejects.toMatchObject({
      code: 'PROJECTION_INVALID',
      message: "projection 'a': another one has the same name",
    });
  });

  it('that never finishes loading is given up', async () => {
    await writeFile(join(cwd, 'projectionist.config.js'), '');
    const loading = loadConfigFile({ cwd, importModule: () => new Promise(() => {}), signal: AbortSignal.abort() });
    await expect(loading).rejects.toThrow(/did not finish loading in time/);
  });
});
