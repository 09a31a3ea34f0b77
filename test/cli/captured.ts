import type { Output } from '../../src/cli/terminal.ts';
import type { CommandContext } from '../../src/cli/verbs/verb.ts';

export class Captured implements Output {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 60;

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

export interface CapturedContext extends CommandContext {
  readonly terminal: { readonly stdout: Captured; readonly stderr: Captured };
}

export function capturedContext(changes: Partial<Omit<CommandContext, 'terminal'>> = {}): CapturedContext {
  return {
    terminal: { stdout: new Captured(), stderr: new Captured() },
    env: {},
    cwd: '/nowhere',
    signal: new AbortController().signal,
    outputGone: new AbortController().signal,
    ...changes,
  };
}
