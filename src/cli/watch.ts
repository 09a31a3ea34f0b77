import type { ProjectionStatus } from '../core/status.ts';
import type { PollResult } from './poll.ts';
import { describeDetail, nameOf, statusTable } from './status.ts';
import { type Output, oneLine, repainter } from './terminal.ts';

/**
 * `projectionist watch`: on a terminal the table of `status`, painted over itself; elsewhere a line for each change.
 * Ends when the looks end.
 * @param now for the time in front of each line
 * @param json a JSON object for each change instead, also on a terminal
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

/** `kind` tells what it is about: lost, found, changed or gone. */
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

function eachChange(tell: Changes): (poll: PollResult) => void {
  let before = new Map<string, ProjectionStatus>();
  let isLost = false;
  return (poll) => {
    if (poll.kind === 'lost') {
      if (!isLost) tell.lost(poll);
      isLost = true;
      return;
    }
    if (isLost) tell.found();
    isLost = false;
    const seen = new Map(poll.statuses.map((status) => [nameOf(status), status]));
    for (const [name, status] of seen) {
      const last = before.get(name);
      if (last === undefined || isChange(last, status)) tell.changed(name, last, status);
    }
    for (const name of before.keys()) if (!seen.has(name)) tell.gone(name);
    before = seen;
  };
}

/** Numbers in the words of `detail` count on with every look: they are no change. */
function isChange(last: ProjectionStatus, status: ProjectionStatus): boolean {
  const words = ({ detail }: ProjectionStatus) => detail?.replaceAll(/\d+/g, '') ?? null;
  return (
    last.state !== status.state ||
    words(last) !== words(status) ||
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
  return oneLine(`lost the daemon, looking for it again: ${reason}`);
}
