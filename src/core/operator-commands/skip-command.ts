import { defineOperatorCommand } from './command-definition.ts';
import { failedEventOf, tablesOf } from './status-words.ts';

export const skip = defineOperatorCommand({
  name: 'SKIP',
  summary: 'pass over the event that failed; needs its position and a reason',
  machineEvent: 'SKIP',
  endedBy: 'operation',
  fields: ['position', 'reason'],
  dialog: (status) => ({
    title: `Skip an event of ${status.name}?`,
    says: [
      `${failedEventOf(status)} is passed over: what it says will not be in ${tablesOf(status)}. ${status.name} then goes on behind it.`,
      'The reason is kept with the event. If the projection has moved in the meantime, nothing is skipped.',
    ],
    confirm: 'Skip the event',
    grave: true,
  }),
});
