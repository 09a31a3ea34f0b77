import { deepEqual, equal } from 'node:assert/strict';
import { create, upsert } from '../../core/statements.ts';
import { type ConformanceCase, expectFailed, labels, openScene, things } from './fixture.ts';

/** What the hands of a projection do: positions, failures, pauses, resets. */
export const handsCases: readonly ConformanceCase[] = [
  {
    name: 'a projection that was opened runs, and with nothing to do it has caught up',
    run: async (stage) => {
      const { pull, expect } = await openScene(stage);
      deepEqual(await stage.hands(things).open(new AbortController().signal), { status: 'running', detail: null });
      deepEqual(await pull(), { kind: 'caught-up' });
      await expect('thing');
    },
  },
  {
    name: 'every event is applied once, in order, whenever it comes',
    run: async (stage) => {
      const { did, pull, expect } = await openScene(stage);
      await did(create('thing', { id: 'a', size: 1 }));
      await did(upsert('thing', { id: 'a', size: 2 }, { conflict: ['id'] }));
      deepEqual(await pull(), { kind: 'caught-up' });
      await did(upsert('thing', { id: 'a', size: 3 }, { conflict: ['id'] }), create('thing', { id: 'b' }));
      deepEqual(await pull(), { kind: 'caught-up' });
      deepEqual(await pull(), { kind: 'caught-up' });
      await expect('thing', { id: 'a', size: 3 }, { id: 'b', size: null });
    },
  },
  {
    name: 'events without a handler change nothing and are passed over',
    run: async (stage) => {
      const { append, did, pull, expect } = await openScene(stage);
      await append({ name: 'Labelled', payload: { id: 'l', text: 'x' } });
      await did(create('thing', { id: 'a' }));
      deepEqual(await pull(), { kind: 'caught-up' });
      await expect('thing', { id: 'a' });
      await expect('label');
    },
  },
  {
    name: 'a handler sees a frozen event with exact values, and whether it is replayed',
    run: async (stage) => {
      const { append, pull, expect } = await openScene(stage);
      const saw = { name: 'Saw', payload: { list: [1] }, occurredAt: '2026-03-01T19:00:00.123456Z' } as const;
      await append(saw);
      await pull();
      await expect('thing', { id: 'seer', note: '["bigint","1","2026-03-01T19:00:00.123456Z",true,true]' });
      await append(saw);
      await pull();
      await expect('thing', { id: 'seer', note: '["bigint","2","2026-03-01T19:00:00.123456Z",false,true]' });
    },
  },
  {
    name: 'a handler gets what the schema makes of the payload, and one that the schema refuses fails its event',
    run: async (stage) => {
      const { append, pull, expect } = await openScene(stage);
      await append({ name: 'Checked', payload: { note: 'a' } });
      deepEqual(await pull(), { kind: 'caught-up' });
      await append({ name: 'Checked', payload: { note: 7 } as never });
      expectFailed(await pull(), {
        eventName: 'Checked',
        error: 'the payload of Checked is not what its schema says: payload.note: is no text',
        sqlstate: null,
        code: 'PAYLOAD_INVALID',
      });
      await expect('thing', { id: 'checked', note: 'checked a true' });
    },
  },
  {
    name: 'an event that fails leaves nothing, what precedes it stays, and the projection halts before it',
    run: async (stage) => {
      const { did, pull, expect } = await openScene(stage);
      await did(create('thing', { id: 'a' }));
      await did(create('thing', { id: 'b' }), create('thing', { id: 'a' }));
      await did(create('thing', { id: 'c' }));
      const failed = { eventName: 'Did', position: 2n, sqlstate: '23505', code: null };
      expectFailed(await pull(), failed);
      await expect('thing', { id: 'a' });
      equal((await pull()).kind, 'halted');
      expectFailed(await pull(things, 'attempt'), failed);
      equal((await stage.hands(things).open(new AbortController().signal)).status, 'halted');
      await expect('thing', { id: 'a' });
    },
  },
  {
    name: 'attempts at one event are counted until the projection halts',
    run: async (stage) => {
      const { append, pull } = await openScene(stage, 3);
      await append({ name: 'Threw' });
      for (const halted of [false, false, true]) {
        expectFailed(
          await pull(),
          { eventName: 'Threw', error: 'as it was told to', sqlstate: null, code: null },
          halted,
        );
      }
    },
  },
  {
    name: 'an attempt that goes through takes back the halt',
    run: async (stage) => {
      const { append, did, pull, expect } = await openScene(stage);
      await append({ name: 'Looked', payload: { id: 'l' } });
      await pull(labels);
      expectFailed(await pull(), { code: 'LOOKUP_MISSED' });
      await append({ name: 'Labelled', payload: { id: 'l', text: 'late' } });
      await pull(labels);
      deepEqual(await pull(things, 'attempt'), { kind: 'behind' });
      await did(create('thing', { id: 'a' }));
      deepEqual(await pull(), { kind: 'caught-up' });
      await expect('thing', { id: 'a' }, { id: 'looker', note: 'late' });
    },
  },
  {
    name: 'a pause holds back what is to come, and a halt is still there after it',
    run: async (stage) => {
      const { append, did, pull, expect } = await openScene(stage);
      await stage.hands(things).setPaused(true, null);
      await did(create('thing', { id: 'a' }));
      deepEqual(await pull(), { kind: 'paused' });
      await expect('thing');
      await stage.hands(things).setPaused(false, null);
      deepEqual(await pull(), { kind: 'caught-up' });
      await expect('thing', { id: 'a' });
      await append({ name: 'Threw' });
      equal((await pull()).kind, 'failed');
      deepEqual(await stage.hands(things).setPaused(true, null), { status: 'paused' });
      deepEqual(await pull(), { kind: 'paused' });
      deepEqual(await stage.hands(things).setPaused(false, null), { status: 'halted' });
      equal((await pull()).kind, 'halted');
    },
  },
  {
    name: 'a reset empties the tables, takes back a halt but no pause, and everything is replayed',
    run: async (stage) => {
      const { append, did, pull, expect } = await openScene(stage);
      const hands = stage.hands(things);
      await did(create('thing', { id: 'a' }));
      await append({ name: 'Saw', payload: { list: [] } });
      await append({ name: 'Threw' });
      equal((await pull()).kind, 'failed');
      deepEqual(await hands.reset(null), { status: 'running' });
      await expect('thing');
      equal((await pull()).kind, 'failed');
      await expect('thing', { id: 'a' }, { id: 'seer' });
      deepEqual(await hands.reset(null), { status: 'running' });
      await hands.setPaused(true, null);
      deepEqual(await hands.reset(null), { status: 'paused' });
      deepEqual(await pull(), { kind: 'paused' });
      await expect('thing');
    },
  },
  {
    name: 'with an aborted signal nothing is applied',
    run: async (stage) => {
      const { did, expect } = await openScene(stage);
      await did(create('thing', { id: 'a' }));
      deepEqual(await stage.hands(things).pull('catch-up', AbortSignal.abort()), { kind: 'stopped' });
      await expect('thing');
    },
  },
  {
    name: 'opened again, nothing is left of what was',
    run: async (stage) => {
      const { did, append, pull } = await openScene(stage);
      await did(create('thing', { id: 'a' }));
      await append({ name: 'Threw' });
      await pull();
      const again = await openScene(stage);
      deepEqual(await again.pull(), { kind: 'caught-up' });
      await again.expect('thing');
    },
  },
];
