import type { FailureRecord } from '../../core/failure.ts';
import { clientFor } from '../find-client.ts';
import { oneLine, table } from '../terminal.ts';
import { defineVerb, examples, prettyJson } from './verb.ts';

interface FailuresVerbOptions {
  /** Undefined: every projection. */
  readonly name: string | undefined;
  readonly json: boolean;
}

export const failuresVerb = defineVerb<FailuresVerbOptions>({
  name: 'failures',
  define: (command, run) => {
    command
      .description('list the events that failed, for every projection or for one')
      .argument('[name]')
      .option('--json', 'print the answer of the daemon as JSON', false)
      .addHelpText('after', examples('failures', 'failures band --json', 'failures show band', 'failures export band'))
      .action(async (name: string | undefined, { json }: { json: boolean }) => await run({ name, json }));
  },
  run: async ({ name, json }, context) => {
    const { signal, terminal } = context;
    const client = await clientFor(context);
    const names = name === undefined ? (await client.statuses(signal)).map((status) => status.name) : [name];
    const failures: FailureRecord[] = [];
    for (const each of new Set(names)) failures.push(...(await client.failures(each, signal)));
    terminal.stdout.write(json ? prettyJson({ failures }) : failuresTable(failures));
    return 0;
  },
});

const TITLES = ['NAME', 'POSITION', 'EVENT', 'ATTEMPTS', 'LAST', 'STATE', 'ERROR'];

/** One line for each failure below the titles; a sentence when there is none. */
function failuresTable(failures: readonly FailureRecord[]): string {
  if (failures.length === 0) return 'no failed events\n';
  return table([TITLES, ...failures.map(row)]);
}

function row(failure: FailureRecord): readonly string[] {
  const { name, position, eventName, attempts, lastAt, error } = failure;
  const state = failure.skipped === null ? 'halts' : 'skipped';
  return [name, position, eventName, String(attempts), lastAt, state, error.slice(0, 200)].map(oneLine);
}
