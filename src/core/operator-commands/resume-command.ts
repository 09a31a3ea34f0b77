import { count, grouped } from '../readable.ts';
import { defineOperatorCommand } from './command-definition.ts';

export const resume = defineOperatorCommand({
  name: 'RESUME',
  summary: 'end a pause',
  machineEvent: 'RESUME',
  endedBy: 'operation',
  dialog: ({ name, cursor, lagEvents }) => ({
    title: `Resume ${name}?`,
    says: [
      lagEvents === null
        ? `It goes on after position ${grouped(cursor)}; how many events are to come is not known.`
        : `It goes on after position ${grouped(cursor)}; ${count(lagEvents, 'event')} are to come at most.`,
    ],
    confirm: 'Resume',
  }),
});
