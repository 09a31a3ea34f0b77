import type { Sql } from '../store/connect.ts';
import { readGenerations } from '../store/state.ts';
import type { Log } from './log.ts';
import type { Puller } from './puller.ts';

export interface ResetWatchOptions {
  readonly sql: Sql;
  readonly pullers: ReadonlyMap<string, Puller>;
  /** Has a projection's machine read its row again. */
  readonly reopen: (name: string) => void;
  readonly log: Log;
}

/**
 * Notices that projections were reset by somebody else: through another daemon, or along with another projection. Their
 * workers could go on only to find their pages refused, and one that is live with nothing to do would never look.
 */
export interface ResetWatch {
  /** With each heartbeat: the sum of all generations, which moves with every reset. */
  heard(resets: bigint): void;
  /** Now: something has been reset here. Never rejects. */
  look(): Promise<void>;
}

export function createResetWatch({ sql, pullers, reopen, log }: ResetWatchOptions): ResetWatch {
  /** Null until every worker has read its row again: until then they are told with each heartbeat. */
  let settled: bigint | null = null;
  let looking: Promise<void> | null = null;

  async function look(): Promise<void> {
    try {
      let sum = 0n;
      let behind = false;
      for (const { name, generation } of await readGenerations(sql)) {
        sum += generation;
        if (pullers.get(name)?.heard(generation) !== true) continue;
        behind = true;
        reopen(name);
      }
      settled = behind ? null : sum;
    } catch (error) {
      log.debug({ err: error }, 'generations not read, tried again with the next heartbeat');
    }
  }

  return {
    heard: (resets) => {
      if (resets === settled || looking !== null) return;
      looking = look().finally(() => {
        looking = null;
      });
    },
    look,
  };
}
