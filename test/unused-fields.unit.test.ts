import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../src/', import.meta.url));

/** Fields that a library reads: `Env` is Hono's. */
const READ_BY_LIBRARIES = ['http/guards.ts: Env.Bindings', 'http/guards.ts: Env.Variables'];

interface Field {
  readonly name: string;
  readonly path: string;
}

/** The fields that exported interfaces and object types of a file declare, and the words of all its other code. */
function readFile(file: string): { readonly fields: readonly Field[]; readonly words: readonly string[] } {
  const fields: Field[] = [];
  const words: string[] = [];
  let type: string | null = null;
  for (const line of readFileSync(root + file, 'utf8').split('\n')) {
    if (/^\s*(?:\/\/|\/\*|\*)/.test(line)) continue;
    const opened = /^export (?:interface|type) (\w+).*\{$/.exec(line)?.[1];
    if (opened !== undefined) type = opened;
    else if (line.startsWith('}')) type = null;
    const declared = type === null ? null : /^ {2}(?:readonly )?(\w+)\??[:(<]/.exec(line);
    if (declared?.[1] !== undefined) fields.push({ name: declared[1], path: `${file}: ${type}.${declared[1]}` });
    words.push(...(line.slice(declared?.[0].length ?? 0).match(/[\w$]+/g) ?? []));
  }
  return { fields, words };
}

// Seen red with: a field `unread` in DaemonOptions.
test('every field of an exported type is used by code, so no option is accepted that does nothing', () => {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const read = files.map(readFile);
  const fields = read.flatMap((one) => one.fields);
  const words = new Set(read.flatMap((one) => one.words));
  expect(fields.length).toBeGreaterThan(1_000);
  expect(fields.filter(({ name }) => !words.has(name)).map(({ path }) => path)).toEqual(READ_BY_LIBRARIES);
});
