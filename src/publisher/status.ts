import type { SnapshotFrom } from 'xstate';
import type { publisherMachine } from '../../machines/publisher.ts';
import { PUBLISHER_NAME, type PublisherStatus } from '../core/publisher.ts';
import type { Sql } from '../store/connect.ts';

interface PublisherRow {
  readonly cursor: bigint;
  readonly owner: string | null;
  readonly alarm: string | null;
}

export async function readPublisher(sql: Sql): Promise<PublisherRow | null> {
  const [row] = await sql<PublisherRow[]>`
    SELECT cursor, owner, alarm FROM projection_state WHERE name = ${PUBLISHER_NAME} AND instance_id = ''`;
  return row ?? null;
}

export interface StatusParts {
  readonly snapshot: SnapshotFrom<typeof publisherMachine>;
  readonly row: PublisherRow | null;
  readonly head: bigint;
  readonly inFlight: number;
  readonly ratePerSecond: number;
}

export function toStatus({ snapshot, row, head, inFlight, ratePerSecond }: StatusParts): PublisherStatus {
  const cursor = row?.cursor ?? 0n;
  const { context } = snapshot;
  const dead = snapshot.status === 'error';
  return {
    state: dead ? 'stopped' : snapshot.value,
    detail: dead
      ? 'the publisher died; restart the daemon'
      : (row?.alarm ?? (context.blocked === null ? context.detail : `the broker takes nothing: ${context.blocked}`)),
    cursor: String(cursor),
    head: String(head > cursor ? head : cursor),
    lagEvents: head > cursor ? Number(head - cursor) : 0,
    ratePerSecond,
    unconfirmed: inFlight,
    owner: row?.owner ?? null,
  };
}
