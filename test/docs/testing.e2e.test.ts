import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url);

// Seen red with: a wrong price in the page; './testing' left out of the package's exports.
test('the first example of docs/testing.md runs unchanged with the built package', async () => {
  const page = await readFile(new URL('docs/testing.md', ROOT), 'utf8');
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-docs-'));
  try {
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    for (const name of ['prices.js', 'prices.test.js']) {
      const [, code = ''] =
        new RegExp(`\`${name.replaceAll('.', '\\.')}\`:\n\n\`\`\`js\n(.*?)\`\`\``, 's').exec(page) ?? [];
      await writeFile(join(folder, name), code);
    }
    await mkdir(join(folder, 'node_modules'));
    await symlink(ROOT.pathname, join(folder, 'node_modules/projectionist'));
    const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap'], {
      cwd: folder,
      timeout: 100_000,
      env: { PATH: process.env['PATH'], TEST_DATABASE_URL: inject('postgres').url },
    });
    expect(stdout).toContain('# pass 3\n# fail 0');
  } finally {
    await rm(folder, { recursive: true });
  }
});
