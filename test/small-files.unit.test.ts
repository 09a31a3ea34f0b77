import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const FEW_LINES = 40;

/**
 * Files of few lines with one importer that stand alone all the same, each for its reason: registries want a file for
 * each of a kind, an adapter of the system is a port, a type is shared with tests. The list can only shrink.
 */
const ALONE: ReadonlySet<string> = new Set([
  'src/broker/address.ts',
  'src/cli/start/memory-limit.ts',
  'src/daemon/drained.ts',
  'src/daemon/restarted.ts',
  'src/embedded/leftovers.ts',
  'src/event-store/projection-ddl.ts',
  'src/feed/notify.ts',
  'src/http/inspect-routes.ts',
  'src/inspect/definition.ts',
  'src/inspect/frames.ts',
  'src/inspect/stately.ts',
  'src/operations/pause.ts',
  'src/publisher/wake-signal.ts',
  'src/testing/timed-mutex.ts',
]);

/** A definition of which a registry has many is a file of its own, however short. */
const isOneOfAKind = (file: string): boolean =>
  /^src\/(core\/operator-commands|read-model\/(?:column-changes|statements)|cli\/verbs)\//.test(file);

/** Importers by file, over src and machines. */
function importers(): ReadonlyMap<string, readonly string[]> {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'src', 'machines'], {
    cwd: root,
    encoding: 'utf8',
  })
    .trim()
    .split('\n')
    .filter((file) => file.endsWith('.ts') && !file.startsWith('src/dashboard/'));
  const found = new Map<string, string[]>(files.map((file) => [file, []]));
  for (const file of files) {
    for (const [, target = ''] of readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      found.get(relative(root, resolve(root, dirname(file), target)))?.push(file);
    }
  }
  return found;
}

// Seen red with: a file of one line that one other imports.
test('a file of fewer than 40 lines with a single importer is part of that importer, but for those of the list', () => {
  const small = [...importers()]
    .filter(([file, by]) => by.length === 1 && !isOneOfAKind(file))
    .filter(([file]) => readFileSync(join(root, file), 'utf8').trimEnd().split('\n').length < FEW_LINES)
    .map(([file]) => file);
  expect(small.sort()).toEqual([...ALONE].sort());
});
