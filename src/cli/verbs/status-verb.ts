import { grouped } from '../../core/readable.ts';
import type { ProjectionStatus } from '../../core/status.ts';
import type { DaemonClient, Fleet } from '../client.ts';
import { type Paint, painter } from '../colours.ts';
import { describeCurrentFailure } from '../failure-report.ts';
import { clientFor } from '../find-client.ts';
import { nameOf, statusTable } from '../status-table.ts';
import { type Output, oneLine } from '../terminal.ts';
import { defineVerb, examples, prettyJson } from './verb.ts';

interface StatusVerbOptions {
  /** Undefined: every projection. */
  readonly name: string | undefined;
  readonly json: boolean;
}

export const statusVerb = defineVerb<StatusVerbOptions>({
  name: 'status',
  define: (command, run) => {
    command
      .description('show every projection, or one')
      .argument('[name]')
      .option('--json', 'print the answer of the daemon as JSON', false)
      .addHelpText('after', examples('status', 'status band', 'status band --json'))
      .action(async (name: string | undefined, { json }: { json: boolean }) => await run({ name, json }));
  },
  run: async (options, context) => {
    const { stdout } = context.terminal;
    const withPaint = { ...options, paint: painter(stdout, context.env) };
    await showStatus(await clientFor(context), withPaint, stdout, context.signal);
    return 0;
  },
});

/**
 * Writes a table, or the answer of the daemon as JSON. The status of one projection also has the details of its failed
 * event.
 */
async function showStatus(
  client: DaemonClient,
  options: StatusVerbOptions & { readonly paint: Paint },
  stdout: Output,
  signal: AbortSignal,
): Promise<void> {
  if (options.name !== undefined) {
    const status = await client.status(options.name, signal);
    const { failure } = status;
    const about = inOrderLines([status]) + (failure === null ? '' : `\n${describeCurrentFailure(failure)}`);
    stdout.write(options.json ? prettyJson(status) : statusTable([status], undefined, options.paint) + about);
    return;
  }
  const fleet = await client.fleet(signal);
  stdout.write(
    options.json
      ? prettyJson(fleet)
      : statusTable(fleet.projections, fleet.publisher, options.paint) +
          inOrderLines(fleet.projections) +
          brokerLine(fleet) +
          unhandledLine(fleet) +
          instanceLine(fleet),
  );
}

/** Empty for a healthy broker. */
function brokerLine({ broker }: Fleet): string {
  if (broker === undefined || (broker.state === 'healthy' && broker.detail === null)) return '';
  const why = broker.detail === null ? '' : `, ${broker.detail}`;
  return `${oneLine(`broker: ${broker.state}${why}`)}\n`;
}

const LISTED = 10;

/** Event types whose name may be misspelt, or whose projection is missing. */
function unhandledLine({ unhandled = [] }: Fleet): string {
  if (unhandled.length === 0) return '';
  const shown = unhandled.slice(0, LISTED).map(({ name, events }) => `${name} (${grouped(events)})`);
  const more = unhandled.length > LISTED ? `, and ${unhandled.length - LISTED} more` : '';
  return `${oneLine(`no projection handles: ${shown.join(', ')}${more}`)}\n`;
}

/** Projections per instance do not exist yet: the instance of an event is stored, and ignored by projections. */
function instanceLine({ instanceEvents: first }: Fleet): string {
  if (first === undefined) return '';
  const where = `${first.eventName} at position ${first.position} is of '${first.instance}'`;
  return `${oneLine(`events of instances are applied as one history: ${where}`)}\n`;
}

/** One line for each reason that keeps a projection from folding; an older daemon sends none. */
function inOrderLines(statuses: readonly ProjectionStatus[]): string {
  const lines = statuses.flatMap((status) =>
    (status.inOrder ?? []).map(({ table: name, because }) => {
      const where = name === null ? '' : `'${name}': `;
      return `${oneLine(`${nameOf(status)}: applied in order because ${where}${because}`)}\n`;
    }),
  );
  return lines.join('');
}
