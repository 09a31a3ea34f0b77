import type { SnapshotFrom } from 'xstate';
import type { publisherMachine } from '../../machines/publisher.ts';
import { lagBehind } from '../core/position.ts';
import type { PublisherStatus } from '../core/publisher.ts';
import type { PublisherRow } from '../daemon/publisher-port.ts';

/** A shorter silence is not shown: confirms may take a moment. */
const SILENT_MS = 3000;

export interface StatusParts {
  readonly snapshot: SnapshotFrom<typeof publisherMachine>;
  readonly row: PublisherRow | null;
  /** Null while the store cannot be read. */
  readonly head: bigint | null;
  readonly inFlight: number;
  readonly silentMs: number;
  readonly ratePerSecond: number;
}

export function toStatus({ snapshot, row, head, inFlight, silentMs, ratePerSecond }: StatusParts): PublisherStatus {
  const cursor = row?.cursor ?? 0n;
  const lag = lagBehind(head, cursor);
  const { context } = snapshot;
  const dead = snapshot.status === 'error';
  const why = (): string | null => {
    if (dead) return 'its actor died of a bug and is restarted; the log has the error';
    if (row !== null && row.alarm !== null) return row.alarm;
    if (context.blocked !== null) return `the broker accepts no messages: ${context.blocked}`;
    // For example a queue without a leader: the broker has the message and does not confirm it.
    if (silentMs >= SILENT_MS) return `the broker has confirmed nothing for ${Math.floor(silentMs / 1000)} s`;
    return context.detail;
  };
  return {
    state: dead ? 'backing-off' : snapshot.value,
    detail: why(),
    cursor: String(cursor),
    head: String(head !== null && head > cursor ? head : cursor),
    lagEvents: lag === null ? null : Number(lag),
    ratePerSecond,
    unconfirmed: inFlight,
    owner: row?.owner ?? null,
  };
}
