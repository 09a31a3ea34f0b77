import type { ProjectionStatus } from '../core/status.ts';
import type { Look } from './poll.ts';
import { describeDetail, nameOf, statusTable } from './status.ts';
import { type Output, oneLine, repainter } from './terminal.ts';

/**
 * `projectionist watch`: on a terminal the table of `status`, painted over itself; elsewhere a line for each change.
 * Ends when the looks end.
 * @param now for the time in front of each line
 */
export async function showLooks(
  looks: AsyncIterable<Look>,
  stdout: Output,
  now: () => Date = () => new Date(),
): Promise<void> {
  const show = stdout.isTTY === true ? onTerminal(stdout) : asLines(stdout, now);
  for await (const look of looks) show(look);
}

function onTerminal(stdout: Output): (look: Look) => void {
  const paint = repainter(stdout);
  let table = '';
  return (look) => {
    if (look.kind === 'seen') table = statusTable(look.statuses);
    paint(look.kind === 'seen' ? table : `${table}${lost(look)}`);
  };
}

function asLines(stdout: Output, now: () => Date): (look: Look) => void {
  let before = new Map<string, ProjectionStatus>();
  let isLost = false;
  const write = (text: string): void => {
    stdout.write(`${now().toISOString()} ${oneLine(text)}\n`);
  };
  return (look) => {
    if (look.kind === 'lost') {
      if (!isLost) write(lost(look));
      isLost = true;
      return;
    }
    if (isLost) write('the daemon answers again');
    isLost = false;
    const seen = new Map(look.statuses.map((status) => [nameOf(status), status]));
    for (const [name, status] of seen) {
      const last = before.get(name);
      if (last === undefined || isChange(last, status)) write(change(name, last, status));
    }
    for (const name of before.keys()) if (!seen.has(name)) write(`${name} is gone`);
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

function lost({ reason }: Look & { readonly kind: 'lost' }): string {
  return oneLine(`lost the daemon, looking for it again: ${reason}`);
}
