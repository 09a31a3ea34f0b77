import type { ProjectionSnapshot } from '../../machines/state-names.ts';
import type { Log } from '../core/log.ts';
import type { StoredStatus } from '../core/status.ts';
import type { Sql } from '../postgres/pool.ts';
import { readStateSummaries } from '../state/projection-state.ts';
import type { Worker } from './actors.ts';

export interface RowWatchOptions {
  readonly sql: Sql;
  readonly workers: ReadonlyMap<string, Pick<Worker, 'runner'>>;
  /** Of a projection's machine; null where none runs. */
  readonly snapshot: (name: string) => ProjectionSnapshot | null;
  /** Has a projection's machine read its row again. */
  readonly reopen: (name: string) => void;
  readonly log: Log;
}

/**
 * Notices that projections were reset, paused, halted or set going by somebody else: through another daemon, or along
 * with another projection. A worker could go on only to find its page refused; one that is paused would stay so for
 * ever, and one that is live with nothing to do would never look.
 */
export interface RowWatch {
  /** With each heartbeat: the fingerprint of all rows. */
  heard(standings: string): void;
  /** A machine has come to rest by what its row said, which may be over: no fingerprint would tell. */
  markUnsettled(): void;
  /** Now: something has been reset here. Never rejects. */
  poll(): Promise<void>;
}

export function createRowWatch({ sql, workers, snapshot, reopen, log }: RowWatchOptions): RowWatch {
  /** Null until every machine agrees with its row: until then they are told with each heartbeat. */
  let settled: string | null = null;
  let doubts = 0;
  let polling: Promise<void> | null = null;

  async function poll(): Promise<void> {
    const began = doubts;
    try {
      const { rows, fingerprint } = await readStateSummaries(sql);
      let behind = false;
      for (const { name, generation, status } of rows) {
        const wasReset = workers.get(name)?.runner.checkpoint.observeGeneration(generation) === true;
        const now = snapshot(name);
        const differs =
          now !== null && !agrees(now, status) && (workers.get(name)?.runner.historyCode !== null) !== true;
        if (!wasReset && !differs) continue;
        // At rest it reads its row now. One at work may have read it before this: it is asked again.
        if (wasReset || (now !== null && !isAtRest(now))) behind = true;
        reopen(name);
      }
      const there = new Set(rows.map(({ name }) => name));
      for (const name of workers.keys()) {
        const now = snapshot(name);
        // Forgotten through another daemon. It finds out when it reads its row, and stands by from then on.
        if (there.has(name) || now === null || now.matches({ idle: 'standby' })) continue;
        behind = true;
        reopen(name);
      }
      settled = behind || began !== doubts ? null : fingerprint;
    } catch (error) {
      log.debug({ err: error }, 'standings not read, tried again with the next heartbeat');
    }
  }

  return {
    heard: (standings) => {
      if (standings === settled || polling !== null) return;
      polling = poll().finally(() => {
        polling = null;
      });
    },
    markUnsettled: () => {
      doubts += 1;
      settled = null;
    },
    poll,
  };
}

function agrees(snapshot: ProjectionSnapshot, status: StoredStatus): boolean {
  const paused = snapshot.matches({ idle: 'paused' });
  const halted = snapshot.matches({ failed: 'halted' });
  switch (status) {
    case 'paused':
      return paused;
    case 'halted':
      return halted;
    case 'running':
      return !paused && !halted;
  }
}

function isAtRest(snapshot: ProjectionSnapshot): boolean {
  return (
    snapshot.matches({ idle: 'paused' }) ||
    snapshot.matches({ failed: 'halted' }) ||
    snapshot.matches({ live: 'waiting' })
  );
}
