import { count, duration } from '../readable.ts';
import type { ProjectionStatus } from '../status.ts';
import { defineOperatorCommand } from './command-definition.ts';
import { tablesOf, upperFirst } from './status-words.ts';

export const reset = defineOperatorCommand({
  name: 'RESET',
  summary: 'empty the tables and fill them again from the first event',
  machineEvent: 'RESET',
  endedBy: 'operation',
  dialog: (status) => ({
    title: `Reset ${status.name}?`,
    says: [
      `${upperFirst(tablesOf(status))} ${status.tables.length === 1 ? 'is' : 'are'} emptied at once, then made again from the first event on: ${count(Number(status.head), 'position')}${forHowLong(status)}.`,
      'Until it has caught up, readers see rows missing.',
    ],
    confirm: 'Empty and replay',
    grave: true,
  }),
});

/** Empty where no rate is known: an operator would rely on a guess. */
function forHowLong({ head, ratePerSecond }: ProjectionStatus): string {
  return ratePerSecond > 0 ? `, about ${duration(Number(head) / ratePerSecond)} at the present rate` : '';
}
