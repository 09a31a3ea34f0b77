import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/core/errors.ts';
import { PROBLEMS } from '../../src/http/problem.ts';

const text = await readFile(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');

/** The cells of each row that begins with a code. */
function rows(part: string): readonly (readonly string[])[] {
  return [...part.matchAll(/^\| `([A-Z_]+)` *\|(.*)\|$/gm)].map((match) => [
    match[1] ?? '',
    ...(match[2] ?? '').split('|').map((cell) => cell.trim()),
  ]);
}

const [ofEngine = '', ofApi = ''] = text.split('## Of the control API only');

describe('docs/reference/errors.md', () => {
  it('lists every code of the engine once, and no other', () => {
    expect(
      rows(ofEngine)
        .map(([code]) => code)
        .sort(),
    ).toEqual([...ERROR_CODES].sort());
  });

  it('lists every code of the control API once with its status, and no other', () => {
    const expected = Object.entries(PROBLEMS).map(([code, [status]]) => [code, String(status)]);
    expect(
      rows(ofApi)
        .map(([code, status]) => [code, status])
        .sort(),
    ).toEqual(expected.sort());
  });

  it('says what to do about each', () => {
    for (const [code, ...cells] of [...rows(ofEngine), ...rows(ofApi)]) {
      expect(cells, code).toHaveLength(2);
      for (const cell of cells) expect(cell, code).toMatch(/^\d{3}$|[.?]$/);
    }
  });
});
