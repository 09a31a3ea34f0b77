import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { Progress } from '../../src/projector/progress.ts';
import { Relay } from '../../src/publisher/relay.ts';
import type { SendChannel } from '../../src/publisher/sender.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { emptyStore } from '../support/empty-store.ts';
import { openStore } from '../support/engine.ts';
import { ledger } from '../support/ledger.ts';
import { appended } from '../support/publishing.ts';

const anyChannel = (): SendChannel => ({ end: null, publish: () => null });
const never = new AbortController().signal;

describe('the relay', () => {
  let database: TestDatabase;
  let sql: Sql;

  beforeAll(async () => {
    database = await createTestDatabase();
    sql = await openStore(database, [ledger]);
  });
  beforeEach(() => emptyStore(sql, [ledger]));
  afterAll(async () => {
    await sql.end();
    await database.drop();
  });

  /** A relay whose sender confirms every event of each batch, with an open channel. */
  async function setUp() {
    await append(sql, appended(3));
    const [{ head }] = await sql<[{ head: bigint }]>`SELECT max(position) AS head FROM events`;
    const mark = { head: head as bigint | null, epoch: 0, forgotten: 0 };
    const sender = {
      confirmed: 0n,
      inFlight: 0,
      starts: [] as bigint[],
      blocks: [] as boolean[],
      batches: 0,
      continues: true,
      run: async (_signal: AbortSignal): Promise<void> => undefined,
      canContinue: () => sender.continues,
      startFrom: (_channel: SendChannel, cursor: bigint) => {
        sender.starts.push(cursor);
        sender.confirmed = cursor;
      },
      block: (blocked: boolean) => void sender.blocks.push(blocked),
      sendBatch: async (_channel: SendChannel, signal: AbortSignal) => {
        sender.batches += 1;
        await sender.run(signal);
        sender.confirmed = mark.head ?? 0n;
        return { kind: 'published' } as const;
      },
    };
    const relay = new Relay({
      sql,
      highWaterMark: {
        latest: () => mark.head,
        refresh: async () => {
          mark.head = head;
          return head;
        },
        epoch: () => mark.epoch,
        invalidate: () => {
          mark.forgotten += 1;
        },
      },
      sender,
      owner: 'one',
      progress: new Progress(() => 0),
    });
    relay.opened(anyChannel());
    const run = () => relay.relay(never);
    const cursor = async (): Promise<bigint | undefined> => {
      const [row] = await sql<{ cursor: bigint }[]>`SELECT cursor FROM projection_state WHERE name = '$publisher'`;
      return row?.cursor;
    };
    return { relay, run, sender, mark, head, cursor };
  }

  // Seen red with: a stored cursor below the high-water mark taken for nothing to do; the cursor not stored.
  test('stores what the sender has confirmed, and begins no batch while there is nothing to send', async () => {
    const { run, sender, mark, head, cursor } = await setUp();
    expect(await run()).toEqual({ kind: 'published' });
    expect([await cursor(), sender.starts, sender.batches]).toEqual([head, [0n], 1]);
    expect(await run()).toEqual({ kind: 'published' });
    expect(sender.batches).toBe(1);
    await append(sql, appended(1));
    [{ head: mark.head }] = await sql<[{ head: bigint }]>`SELECT max(position) AS head FROM events`;
    await run();
    expect([await cursor(), sender.starts, sender.batches]).toEqual([mark.head, [0n], 2]);
  });

  // Seen red with: `inFlight === 0` left out.
  test('begins a batch for what is in flight, also when no event is left to be sent', async () => {
    const { run, sender } = await setUp();
    await run();
    sender.inFlight = 1;
    await run();
    expect([sender.batches, sender.starts]).toEqual([2, [0n]]);
  });

  // Seen red with: an unknown high-water mark taken for 0.
  test('reads the high-water mark where it is not known', async () => {
    const { run, sender, mark, head } = await setUp();
    await run();
    await append(sql, appended(1));
    mark.head = null;
    sender.inFlight = 0;
    await run();
    expect(mark.head).toBe(head);
  });

  // Seen red with: the channel kept; `block` not passed on; the block not ended with the channel.
  test('does nothing without a channel, and passes on to the sender whether the broker blocks', async () => {
    const { relay, run, sender } = await setUp();
    relay.blocked(true);
    relay.ended();
    expect(await run()).toEqual({ kind: 'disconnected' });
    expect([sender.batches, sender.blocks]).toEqual([0, [true, false]]);
  });

  // Seen red with: each of the three conditions left out.
  test.each([
    ['the stored cursor is another one', 'cursor'],
    ['the store may have lost events', 'epoch'],
    ['the sender cannot continue', 'sender'],
  ])('starts over from the stored cursor when %s, and only then', async (_, cause) => {
    const { run, sender, mark, head } = await setUp();
    await run();
    sender.inFlight = 1;
    await run();
    expect(sender.starts).toEqual([0n]);
    if (cause === 'cursor')
      await sql`UPDATE projection_state SET cursor = 1, last_event_id = NULL WHERE name = '$publisher'`;
    if (cause === 'epoch') mark.epoch = 1;
    if (cause === 'sender') sender.continues = false;
    await run();
    expect(sender.starts).toEqual([0n, cause === 'cursor' ? 1n : head]);
  });

  // Seen red with: the epoch not compared while there is nothing to send.
  test('compares the history of the store after a lost connection, also when there is nothing to send', async () => {
    const { run, sender, mark } = await setUp();
    await run();
    await sql`UPDATE projection_state SET last_event_id = gen_random_uuid() WHERE name = '$publisher'`;
    expect(await run()).toEqual({ kind: 'published' });
    mark.epoch = 1;
    expect(await run()).toMatchObject({ kind: 'halted', detail: expect.stringContaining('the store is not the one') });
    expect(sender.batches).toBe(1);
  });

  // Seen red with: the error of the lock rethrown; the stored cursor trusted after it.
  test('leaves publishing to the daemon that has the row, and reads the row again afterwards', async () => {
    const { run, sender, head } = await setUp();
    await run();
    sender.inFlight = 1;
    await sql.begin('ISOLATION LEVEL READ COMMITTED', async (tx) => {
      await tx`SELECT 1 FROM projection_state WHERE name = '$publisher' FOR UPDATE`;
      expect(await run()).toEqual({ kind: 'locked-by-other' });
    });
    expect(sender.batches).toBe(1);
    await run();
    expect(sender.starts).toEqual([0n, head]);
  });

  // Seen red with: the batch not aborted; not waited for; the high-water mark kept.
  test('ends a batch whose transaction is lost before it returns, and trusts no high-water mark of that connection', async () => {
    const { run, sender, mark } = await setUp();
    const steps: string[] = [];
    let end = (): void => undefined;
    sender.run = (signal) =>
      new Promise((resolve) => {
        end = resolve;
        steps.push('sending');
        signal.addEventListener('abort', () => steps.push('aborted'));
      });
    const outcome = run().catch((error: unknown) => {
      steps.push('rejected');
      return error;
    });
    await vi.waitFor(() => expect(steps).toEqual(['sending']));
    const ended = await sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'publish:one'`;
    expect(ended).toHaveLength(1);
    await vi.waitFor(() => expect(steps).toEqual(['sending', 'aborted']));
    expect(mark.forgotten).toBe(1);
    await sql`SELECT 1`;
    expect(steps).toEqual(['sending', 'aborted']);
    end();
    expect(await outcome).toBeInstanceOf(Error);
    expect(steps).toEqual(['sending', 'aborted', 'rejected']);
  });

  // Seen red with: `moved` not asked.
  test('rejects when the cursor cannot be stored, and publishes again from the row', async () => {
    const { run, sender, cursor } = await setUp();
    await sql.unsafe(`
      CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER keep BEFORE UPDATE ON projection_state
        FOR EACH ROW WHEN (NEW.name = '$publisher') EXECUTE FUNCTION keep()`);
    onTestFinished(() => sql.unsafe('DROP FUNCTION IF EXISTS keep() CASCADE').then(() => undefined));
    await expect(run()).rejects.toMatchObject({ code: 'CURSOR_MOVED' });
    expect(await cursor()).toBe(0n);
    await sql.unsafe('DROP FUNCTION keep() CASCADE');
    expect(await run()).toEqual({ kind: 'published' });
    expect(sender.starts).toEqual([0n, 0n]);
  });

  // Seen red with: a missing row taken for a batch that is behind.
  test('rejects when its row is gone', async () => {
    const { run, sender } = await setUp();
    await run();
    sender.inFlight = 1;
    await sql`DELETE FROM projection_state WHERE name = '$publisher'`;
    await expect(run()).rejects.toMatchObject({ code: 'PROJECTION_ROW_MISSING' });
  });
});
