import type { ProjectionSnapshot } from '../../machines/state-names.ts';
import type { Log } from '../core/log.ts';
import type { StoredStatus } from '../core/status.ts';
import type { Sql } from '../postgres/pool.ts';
import { readStateSummaries } from '../state/projection-state.ts';
import type { Worker } from './actors.ts';

export interface RowWatchOptions {
  readonly sql: Sql;
  readonly workers: ReadonlyMap<string, Pick<Worker, 'runner'>>;
  /** Snapshot of a projection's machine; null if none runs. */
  readonly snapshot: (name: string) => ProjectionSnapshot | null;
  /** Makes the machine of a projection read its row again. */
  readonly reopen: (name: string) => void;
  readonly log: Log;
}

/**
 * Detects that projections were reset, paused, halted or resumed through another daemon, or together with another
 * projection. Otherwise a worker would go on until its page is refused, a paused one would stay paused for ever, and a live
 * one without new events would never read its row.
 */
export interface RowWatch {
  /** Called with each heartbeat and the fingerprint of all rows. */
  compare(fingerprint: string): void;
  /** A machine has come to rest by its row, which may have changed since: the fingerprint alone would not show it. */
  markUnsettled(): void;
  /** Compares now, after a reset of this daemon. Never rejects. */
  poll(): Promise<void>;
}

export function createRowWatch({ sql, workers, snapshot, reopen, log }: RowWatchOptions): RowWatch {
  /** Null until every machine agrees with its row: until then each heartbeat compares. */
  let settled: string | null = null;
  let unsettledMarks = 0;
  let polling: Promise<void> | null = null;

  async function poll(): Promise<void> {
    const began = unsettledMarks;
    try {
      const { rows, fingerprint } = await readStateSummaries(sql);
      let behind = false;
      for (const { name, generation, status } of rows) {
        const wasReset = workers.get(name)?.runner.checkpoint.observeGeneration(generation) === true;
        const now = snapshot(name);
        const differs =
          now !== null && !agrees(now, status) && (workers.get(name)?.runner.historyCode !== null) !== true;
        if (!wasReset && !differs) continue;
        // A machine at rest reads its row now. One at work may have read it earlier: it is compared again.
        if (wasReset || (now !== null && !isAtRest(now))) behind = true;
        reopen(name);
      }
      const stored = new Set(rows.map(({ name }) => name));
      for (const name of workers.keys()) {
        const now = snapshot(name);
        // Unregistered through another daemon. The machine finds no row when it reads it, and stands by from then on.
        if (stored.has(name) || now === null || now.matches({ idle: 'standby' })) continue;
        behind = true;
        reopen(name);
      }
      settled = behind || began !== unsettledMarks ? null : fingerprint;
    } catch (error) {
      log.debug({ err: error }, 'state summaries not read, tried again with the next heartbeat');
    }
  }

  return {
    compare: (fingerprint) => {
      if (fingerprint === settled || polling !== null) return;
      polling = poll().finally(() => {
        polling = null;
      });
    },
    markUnsettled: () => {
      unsettledMarks += 1;
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
