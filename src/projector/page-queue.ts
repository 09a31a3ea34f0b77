import type { PageOutcome } from './page-outcome.ts';
import type { PageSettings } from './page-request.ts';
import type { Progress } from './progress.ts';

/**
 * Applies a page when its turn has come. No turns: there are enough connections.
 * @param rests others may have their attempts first after a crash: that says nothing about this projection, and can take
 *   as long as all of their pages
 */
export async function inTurn(
  { turns, locks }: Pick<PageSettings, 'turns' | 'locks'>,
  name: string,
  progress: Progress,
  signal: AbortSignal,
  apply: () => Promise<PageOutcome>,
  rests = false,
): Promise<PageOutcome> {
  if (turns !== undefined) progress.waits();
  const giveBack = turns === undefined ? nothing : await turns.take(signal);
  if (turns !== undefined) progress.goesOn();
  if (giveBack === null) return { kind: 'stopped' };
  if (rests) progress.rests();
  try {
    return await (locks === undefined ? apply() : locks.during(name, progress, apply));
  } finally {
    giveBack();
  }
}

function nothing(): void {}
