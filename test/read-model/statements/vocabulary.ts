import { isEngineError } from '../../../src/core/errors.ts';
import type { Write } from '../../../src/core/statement.ts';
import type { ExampleParts, WriteDefinition } from '../../../src/read-model/statements/statement-definition.ts';
import { toSql } from '../../../src/read-model/write-sql.ts';

const PARTS: ExampleParts = {
  table: 'members',
  row: { id: 7, email: 'anna@example.org' },
  key: { id: 7 },
  conflict: ['id'],
  set: { city: 'Malung' },
  where: { id: 7 },
};

/** By what is left out of a statement: the parts without it. */
const LACKING: ReadonlyMap<string, Partial<ExampleParts>> = new Map([
  ['table', { table: '' }],
  ['values', { row: {}, set: {} }],
  ['condition', { where: {} }],
  ['conflict columns', { conflict: [] }],
]);

/** What a builder refuses to be called without, found by calling it. */
export function needed(example: (parts: ExampleParts) => Write): readonly string[] {
  return [...LACKING].flatMap(([what, lacking]) => {
    try {
      example({ ...PARTS, ...lacking });
      return [];
    } catch (error) {
      if (!isEngineError(error)) throw error;
      return [what];
    }
  });
}

/** The table of the statements in docs/projections.md. */
function vocabulary(definitions: readonly WriteDefinition[]): string {
  const rows = definitions.flatMap((definition) =>
    definition.forms.map(({ call, does, example }) => {
      const write = example(PARTS);
      return [
        `\`${call}\``,
        does,
        needed(example).join(', '),
        `\`${toSql(write).text}\``,
        rowsOf(definition.mustWrite(write)),
        definition.inOrderBecause === undefined ? 'yes' : `no: ${definition.inOrderBecause}`,
      ];
    }),
  );
  return alignedTable([
    ['statement', 'what it does', 'refused without', 'SQL of an example', 'rows it must write', 'folded'],
    ...rows,
  ]);
}

function rowsOf(required: ReturnType<WriteDefinition['mustWrite']>): string {
  if (required === null) return 'any number';
  return required === 1 ? 'one' : 'each that matches';
}

function alignedTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** The page with this table in the place that its comments mark. @throws Error if the page has no such place */
export function withVocabulary(page: string, definitions: readonly WriteDefinition[]): string {
  const place = /(<!-- statements -->)[\s\S]*?(<!-- end -->)/;
  if (!place.test(page)) throw new Error('the page has no place for the table of the statements');
  return page.replace(place, (_, begin: string, end: string) => `${begin}\n\n${vocabulary(definitions)}\n\n${end}`);
}
