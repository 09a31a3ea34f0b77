import { defineOperatorCommand } from './command-definition.ts';

export const pause = defineOperatorCommand({
  name: 'PAUSE',
  summary: 'stop after the page under way, and stay stopped over restarts until RESUME',
  machineEvent: 'PAUSE',
  endedBy: 'operation',
  dialog: ({ name }) => ({
    title: `Pause ${name}?`,
    says: [
      'The page under way ends, then nothing more is written.',
      'The projection stays paused, also over restarts, until an operator resumes it. Its rows can be read and become older meanwhile.',
    ],
    confirm: 'Pause',
  }),
});
