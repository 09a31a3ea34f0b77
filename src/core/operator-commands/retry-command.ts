import { defineOperatorCommand } from './command-definition.ts';
import { failedEventOf } from './status-words.ts';

export const retry = defineOperatorCommand({
  name: 'RETRY',
  summary: 'apply the event that failed once more, now',
  machineEvent: 'RETRY',
  endedBy: 'runner',
  dialog: (status) => ({
    title: `Retry ${status.name}?`,
    says: [
      `${failedEventOf(status)} is applied once more, now, by the code that runs now. If it can be applied, ${status.name} goes on; if not, it stays halted before the event.`,
    ],
    confirm: 'Retry',
  }),
});
