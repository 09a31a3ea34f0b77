import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
  .filter((file) => existsSync(join(root, file)));
/** Folders of the repository: a path that begins with one of them is meant to be there. */
const tops = [...new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/')[0] ?? ''))];
const path = new RegExp(
  `(?<![\\w./@-])(?:${['shared', 'seeds', ...tops].map((top) => top.replaceAll('.', '\\.')).join('|')})/[\\w./-]+\\.(?:md|ts|mjs|js|sql|json|yml|svg|png)\\b`,
  'g',
);

/** `dist` is built; `*` and what follows a number sign are no part of a name. */
const isThere = (file: string, cited: string): boolean =>
  existsSync(join(root, cited)) || existsSync(join(root, dirname(file), cited));

// Seen red with: `shared/faults.md` in a page; `docs/referense/tables.md` in a comment of the source.
test('every file of the repository that docs or comments name exists', () => {
  const pages = files.filter((file) => file.endsWith('.md') && !file.startsWith('CHANGELOG'));
  const sources = files.filter((file) => /^(src|machines|sql|examples|bench)\/.*\.(ts|mjs|sql)$/.test(file));
  const missing = [...pages, ...sources].flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const comments = file.endsWith('.md') ? text : (text.match(/\/\*[\s\S]*?\*\/|\/\/.*|--.*/g) ?? []).join('\n');
    return [...comments.matchAll(path)]
      .filter(([cited]) => !isThere(file, cited))
      .map(([cited]) => `${file}: ${cited}`);
  });
  expect(missing).toEqual([]);
});

// Seen red with: `(../test/nothing.ts)` for a link of docs/faults.md.
test('every relative link of a page leads to a file', () => {
  const missing = files
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/\]\((?!\w+:|#)([^)\s#]+)/g)]
        .filter(([, target = '']) => !existsSync(join(root, dirname(file), target)))
        .map(([, target]) => `${file}: ${target}`),
    );
  expect(missing).toEqual([]);
});

// Seen red with: `design.md`, which docs/faults.md named.
test('every page that is named without a folder is one of the repository', () => {
  const known = new Set(files.map((file) => file.split('/').at(-1)));
  const missing = files
    .filter((file) => file.endsWith('.md') && !file.startsWith('CHANGELOG'))
    .flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/(?<![\w/.-])[\w-]+\.md\b/g)]
        .filter(([name]) => !known.has(name))
        .map(([name]) => `${file}: ${name}`),
    );
  expect(missing).toEqual([]);
});
