import { Option } from 'commander';
import { untilAborted } from '../../core/signals.ts';
import type { ProjectionStatus } from '../../core/status.ts';
import { createClient } from '../client.ts';
import { finderFor } from '../find-client.ts';
import { type PollResult, pollStatuses } from '../poll.ts';
import { describeDetail, nameOf, statusTable } from '../status-table.ts';
import { type Output, oneLine, repainter } from '../terminal.ts';
import { watchStates } from '../watch-states.ts';
import { defineVerb, examples } from './verb.ts';

interface WatchOptions {
  /** Undefined: every projection. */
  readonly name: string | undefined;
  readonly json: boolean;
  /** One line for each transition, instead of a table. */
  readonly states: boolean;
}

export const watchVerb = defineVerb<WatchOptions>({
  name: 'watch',
  define: (command, run) => {
    command
      .description('show the states until Ctrl-C: a table on a terminal, else a line for each change')
      .argument('[name]')
      .option('--json', 'print JSON, one object for each change', false)
      .addOption(
        new Option('--states', 'print a line for each transition, substates included').default(false).conflicts('json'),
      )
      .addHelpText(
        'after',
        examples('watch', 'watch band', 'watch --states', 'watch >> states.log', 'watch --json | jq .projection.state'),
      )
      .action(async (name: string | undefined, { json, states }: { json: boolean; states: boolean }) => {
        await run({ name, json, states });
      });
  },
  run: async ({ name, json, states }, context) => {
    const { stdout } = context.terminal;
    const find = await finderFor(context);
    const connect = async () => createClient(await find());
    await untilAborted({ signals: [context.signal, context.outputGone] }, async (signal) => {
      if (states) await watchStates({ find, name, signal, stdout });
      else await showPolls(pollStatuses({ connect, name, signal }), stdout, () => new Date(), json);
    });
    return 0;
  },
});

/**
 * Shows the polls: on a terminal the table of `status`, repainted; else one line for each change. Ends when the polls
 * end.
 * @param now time in front of each line
 * @param json one JSON object for each change instead, also on a terminal
 */
export async function showPolls(
  polls: AsyncIterable<PollResult>,
  stdout: Output,
  now: () => Date = () => new Date(),
  json = false,
): Promise<void> {
  const show = json ? asObjects(stdout, now) : stdout.isTTY === true ? onTerminal(stdout) : asLines(stdout, now);
  for await (const poll of polls) show(poll);
}

function onTerminal(stdout: Output): (poll: PollResult) => void {
  const paint = repainter(stdout);
  let table = '';
  return (poll) => {
    if (poll.kind === 'seen') table = statusTable(poll.statuses);
    paint(poll.kind === 'seen' ? table : `${table}${lost(poll)}`);
  };
}

function asLines(stdout: Output, now: () => Date): (poll: PollResult) => void {
  const write = (text: string): void => {
    stdout.write(`${now().toISOString()} ${oneLine(text)}\n`);
  };
  return eachChange({
    lost: (poll) => write(lost(poll)),
    found: () => write('the daemon answers again'),
    changed: (name, last, status) => write(change(name, last, status)),
    gone: (name) => write(`${name} is gone`),
  });
}

/** `kind` is lost, found, changed or gone. */
function asObjects(stdout: Output, now: () => Date): (poll: PollResult) => void {
  const write = (what: object): void => {
    stdout.write(`${JSON.stringify({ at: now().toISOString(), ...what })}\n`);
  };
  return eachChange({
    lost: ({ reason }) => write({ kind: 'lost', reason }),
    found: () => write({ kind: 'found' }),
    changed: (_name, _last, projection) => write({ kind: 'changed', projection }),
    gone: (name) => write({ kind: 'gone', name }),
  });
}

interface Changes {
  readonly lost: (poll: PollResult & { readonly kind: 'lost' }) => void;
  readonly found: () => void;
  readonly changed: (name: string, last: ProjectionStatus | undefined, status: ProjectionStatus) => void;
  readonly gone: (name: string) => void;
}

/** Calls a listener for each difference between two polls, and once when the daemon is lost or found. */
function eachChange(on: Changes): (poll: PollResult) => void {
  let before = new Map<string, ProjectionStatus>();
  let isLost = false;
  return (poll) => {
    if (poll.kind === 'lost') {
      if (!isLost) on.lost(poll);
      isLost = true;
      return;
    }
    if (isLost) on.found();
    isLost = false;
    const seen = new Map(poll.statuses.map((status) => [nameOf(status), status]));
    for (const [name, status] of seen) {
      const last = before.get(name);
      if (last === undefined || isChange(last, status)) on.changed(name, last, status);
    }
    for (const name of before.keys()) if (!seen.has(name)) on.gone(name);
    before = seen;
  };
}

/** Numbers in `detail` rise with each poll: another number alone is no change. */
function isChange(last: ProjectionStatus, status: ProjectionStatus): boolean {
  const text = ({ detail }: ProjectionStatus) => detail?.replaceAll(/\d+/g, '') ?? null;
  return (
    last.state !== status.state ||
    text(last) !== text(status) ||
    last.generation !== status.generation ||
    last.failure?.position !== status.failure?.position ||
    last.failure?.attempts !== status.failure?.attempts
  );
}

function change(name: string, last: ProjectionStatus | undefined, status: ProjectionStatus): string {
  const states = last === undefined || last.state === status.state ? status.state : `${last.state} -> ${status.state}`;
  const why = describeDetail(status);
  return `${name} ${states} ${status.cursor}/${status.head}${why === '' ? '' : `: ${why}`}`;
}

function lost({ reason }: PollResult & { readonly kind: 'lost' }): string {
  return oneLine(`lost the daemon, searching for it: ${reason}`);
}
