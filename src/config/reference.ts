import { ABSENT_SETTINGS } from './no-effect.ts';
import { flagOf, SETTING_NAMES, SETTING_SOURCES, settingsSchema } from './schema.ts';

/** The text of docs/reference/config.md. A test keeps the file equal to it; `vitest run test/config -u` writes it anew. */
export function renderConfigReference(): string {
  const defaults: Readonly<Record<string, unknown>> = settingsSchema.parse({});
  const rows = SETTING_NAMES.map((name) => [
    `\`${SETTING_SOURCES[name].env}\``,
    SETTING_SOURCES[name].flag ? `\`${flagOf(name)}\`` : '-',
    `\`${name}\``,
    shownDefault(defaults[name]),
    settingsSchema.shape[name].description ?? '',
  ]);
  const absent = ABSENT_SETTINGS.map(({ setting, taken, reason }) => [
    `\`${setting}\``,
    taken === 'any' ? 'any value, with a warning' : taken.length === 0 ? 'no value' : `only \`${taken.join(', ')}\``,
    reason,
  ]);
  return `# Settings

Generated from \`src/config/schema.ts\`. A flag of \`start\` wins over the environment, that over \`settings\` in the
config file, that over the default. An environment variable that is empty counts as not set. A bad value, or an unknown
name in \`settings\`, stops the start with one line that names it. Secrets have no flag: anybody on the machine can read
the arguments of a process.

${markdownTable(['environment', 'flag', 'in `settings`', 'default', 'what it does'], rows)}

Commands that speak to a daemon also read \`PROJECTIONIST_URL\`: where it listens. Not set: what
\`.projectionist/daemon.json\` says, else \`http://127.0.0.1:4400\`.

## Settings that do not exist

\`start\` looks at these environment variables too, since other descriptions name them. A value that asks for what the
daemon does not do stops the start.

${markdownTable(['environment', 'taken', 'why'], absent)}
`;
}

function shownDefault(value: unknown): string {
  if (value === null || value === undefined) return 'not set';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `\`${value.join(',')}\``;
  if (typeof value === 'boolean') return value ? '`on`' : '`off`';
  return `\`${String(value)}\``;
}

/** Columns are padded the way the formatter would, so that formatting the file does not make it differ. */
function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0), title.length),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
