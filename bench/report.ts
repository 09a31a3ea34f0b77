import { type Figure, median, type Part, verdict } from './figures.ts';

const HEAD = ['what', 'unit'];

/** A part as a Markdown table, aligned so that it can be read in a terminal too. */
export function partTable({ title, about, figures }: Part): string {
  const rounds = Math.max(...figures.map((figure) => figure.rounds.length));
  const numbers = Array.from({ length: rounds }, (_, round) => `round ${round + 1}`);
  const rows = [
    [...HEAD, ...numbers, 'median', 'must', 'goal', 'reached'],
    ...figures.map((one) => cells(one, rounds)),
  ];
  return `## ${title}\n\n${about}\n\n${markdown(rows)}\n`;
}

function cells(figure: Figure, rounds: number): string[] {
  const { label, unit, target } = figure;
  const values = Array.from({ length: rounds }, (_, round) => number(figure.rounds[round]));
  const sign = target?.better === 'less' ? '≤ ' : '≥ ';
  return [
    label,
    unit,
    ...values,
    number(median(figure.rounds)),
    target === undefined ? '' : sign + target.must,
    target === undefined ? '' : sign + target.goal,
    verdict(figure),
  ];
}

/** Rounds to three digits, which is the precision of the measurements. */
function number(value: number | undefined): string {
  if (value === undefined) return '';
  if (value >= 1000) return String(Math.round(value));
  return value.toPrecision(3);
}

function markdown(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const [head = [], ...body] = rows;
  return [line(head), line(rule), ...body.map(line)].join('\n');
}

export function results(machine: readonly string[], command: string, parts: readonly Part[]): string {
  const facts = machine.map((fact) => `- ${fact}`).join('\n');
  return `# Results\n\nWritten by \`${command}\`; [README.md](README.md) says what is compared and how to read it.\n\n${facts}\n\n${parts.map(partTable).join('\n')}`;
}
