import type { ProjectionStatus } from '../../core/status.ts';
import { type DaemonClient, RefusedError } from '../client.ts';
import type { Confirm } from '../confirm.ts';
import { clientFor } from '../find-client.ts';
import { notLive, untilSettled } from '../settled.ts';
import { oneLine, type Terminal } from '../terminal.ts';
import { defineVerb, examples } from './verb.ts';

interface ResetVerbOptions {
  /** Undefined: every projection. */
  readonly name: string | undefined;
  /** Wait until the projection is live again, not only until the reset is done. */
  readonly wait: boolean;
  /** Milliseconds for `wait`. */
  readonly timeoutMs: number;
  /** Write JSON objects, one a line, instead of text. */
  readonly json: boolean;
  /** Ask no question on a terminal. */
  readonly yes: boolean;
}

export const resetVerb = defineVerb<ResetVerbOptions>({
  name: 'reset',
  define: (command, run) => {
    command
      .description('empty the tables of a projection and fill them again from the first event')
      .argument('[name]')
      .option('--all', 'every projection', false)
      .option('--wait', 'wait until it is live again', false)
      .option('--timeout <seconds>', 'time for --wait', '3600')
      .option('--yes', 'ask no question on a terminal', false)
      .option('--json', 'print JSON, one object a line', false)
      .addHelpText('after', examples('reset band', 'reset band --wait', 'reset --all --wait --timeout 600'))
      .action(async (name: string | undefined, given: ResetVerbOptions & { all: boolean; timeout: string }) => {
        const { all, wait, timeout, json, yes } = given;
        if ((name === undefined) !== all) command.error('error: give the name of a projection, or --all');
        if (!/^[1-9]\d{0,6}$/.test(timeout)) command.error('error: --timeout is a whole number of seconds');
        await run({ name, wait, timeoutMs: Number(timeout) * 1000, json, yes });
      });
  },
  run: async (options, context) => {
    const confirm = options.yes ? null : (context.confirm ?? null);
    const client = await clientFor(context);
    return (await resetProjections(client, { ...options, confirm }, context.terminal, context.signal)) ? 0 : 1;
  },
});

const RESET_TIMEOUT_MS = 60_000;
const POLL_EVERY_MS = 250;

/**
 * Resets one or all projections. A projection that fails does not stop the others.
 * @param options `confirm` asks before a table is emptied; null: no question
 * @returns false when a projection failed; the reason is on stderr
 */
async function resetProjections(
  client: DaemonClient,
  { name, wait, json, timeoutMs, confirm }: ResetVerbOptions & { readonly confirm: Confirm | null },
  { stdout, stderr }: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const statuses = name === undefined || confirm !== null ? await client.statuses(signal) : [];
  const names = name === undefined ? [...new Set(statuses.map((status) => status.name))] : [name];
  if (confirm !== null && !(await confirm(questionOf(names, statuses), signal))) {
    stderr.write('projectionist: nothing was reset\n');
    return false;
  }
  const waitFor: string[] = [];
  let failed = false;
  const fail = (which: string, reason: string): void => {
    failed = true;
    stderr.write(`projectionist: ${oneLine(`${which}: ${reason}`)}\n`);
  };
  for (const each of names) {
    try {
      const outcome = await client.send(each, { type: 'RESET' }, RESET_TIMEOUT_MS, signal);
      const { state, warning } = outcome;
      stdout.write(json ? `${JSON.stringify(outcome)}\n` : `${each}: reset, now ${state}\n`);
      if (warning !== undefined) stderr.write(`projectionist: ${oneLine(`${each}: ${warning}`)}\n`);
      waitFor.push(each);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      fail(each, error.message);
    }
  }
  const until = performance.now() + timeoutMs;
  for (const each of wait ? waitFor : []) {
    const status = await untilSettled(client, each, { everyMs: POLL_EVERY_MS, until }, signal);
    if (status.state === 'live') stdout.write(json ? `${JSON.stringify(status)}\n` : `${each}: live\n`);
    else fail(each, notLive(status));
  }
  return !failed;
}

/** The question names the rows that are deleted: the person may have chosen the wrong database. */
function questionOf(names: readonly string[], statuses: readonly ProjectionStatus[]): string {
  const tables = [...new Set(statuses.filter(({ name }) => names.includes(name)).flatMap((status) => status.tables))];
  // The table of a refused projection may hold the rows of another program.
  const refused = statuses
    .filter(({ name, state, failure }) => names.includes(name) && state === 'failed' && !failure?.eventId)
    .flatMap(({ name, detail }) => (detail === null ? [] : [`${oneLine(`'${name}' does not run: ${detail}`)}. `]));
  const which = names.length === 1 ? names.join() : `all ${names.length} projections`;
  return `${refused.join('')}Reset ${oneLine(which)}? Every row of ${oneLine(tables.join(', ') || 'its tables')} is deleted, and made anew from the events.`;
}
