import { clientFor } from './client-actions.ts';
import { commandTable, transitionTable } from './history.ts';
import type { Actions } from './program.ts';
import { sendEvent } from './send.ts';

/** What operators ask of a daemon beside `send` and `reset`. */
export const operatorActions: Pick<Actions, 'skip' | 'wait' | 'forget' | 'adopt' | 'commands' | 'transitions'> = {
  async skip(options, context) {
    const skip = { ...options, event: 'SKIP', wait: false } as const;
    return (await sendEvent(await clientFor(context), skip, context.terminal, context.signal)) ? 0 : 1;
  },
  async wait({ name, position, timeoutMs, json }, context) {
    const applied = await (await clientFor(context)).wait(name, position, timeoutMs, context.signal);
    const words = position === 'head' ? 'everything that was stored' : `everything up to ${position}`;
    context.terminal.stdout.write(json ? lineOf(applied) : `${name}: ${words} is applied\n`);
    return 0;
  },
  async forget({ name, json }, context) {
    const forgotten = await (await clientFor(context)).forget(name, context.signal);
    const { tables } = forgotten;
    const left = tables.length === 0 ? 'no table of it is known' : `its tables are still there: ${tables.join(', ')}`;
    context.terminal.stdout.write(json ? lineOf(forgotten) : `${name}: forgotten; ${left}\n`);
    return 0;
  },
  async adopt({ name, position, json }, context) {
    const adopted = await (await clientFor(context)).adopt(name, position, context.signal);
    context.terminal.stdout.write(
      json ? lineOf(adopted) : `${name}: its rows are taken over, it goes on after ${position}\n`,
    );
    return 0;
  },
  async commands({ name, limit, json }, context) {
    const commands = await (await clientFor(context)).commands(name, limit, context.signal);
    context.terminal.stdout.write(json ? pretty(commands) : commandTable(commands));
    return 0;
  },
  async transitions({ name, limit, json }, context) {
    const transitions = await (await clientFor(context)).transitions(name, limit, context.signal);
    context.terminal.stdout.write(json ? pretty(transitions) : transitionTable(transitions));
    return 0;
  },
};

function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function pretty(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
