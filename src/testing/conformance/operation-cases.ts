import { deepEqual, equal } from 'node:assert/strict';
import { create, upsert } from '../../core/statements.ts';
import { type ConformanceCase, expectFailed, labels, openScene, things } from './fixture.ts';

/** What the hands of a projection do: positions, failures, pauses, resets. */
export const operationsCases: readonly ConformanceCase[] = [
  {
    name: 'a projection that was opened runs, and with nothing to do it has caught up',
    run: async (stage) => {
      const { run, expect } = await openScene(stage);
      deepEqual(await stage.operations(things).open(new AbortController().signal), { status: 'running', detail: null });
      deepEqual(await run(), { kind: 'caught-up' });
      await expect('thing');
    },
  },
  {
    name: 'every event is applied once, in order, whenever it comes',
    run: async (stage) => {
      const { did, run, expect } = await openScene(stage);
      await did(create('thing', { id: 'a', size: 1 }));
      await did(upsert('thing', { id: 'a', size: 2 }, { conflict: ['id'] }));
      deepEqual(await run(), { kind: 'caught-up' });
      await did(upsert('thing', { id: 'a', size: 3 }, { conflict: ['id'] }), create('thing', { id: 'b' }));
      deepEqual(await run(), { kind: 'caught-up' });
      deepEqual(await run(), { kind: 'caught-up' });
      await expect('thing', { id: 'a', size: 3 }, { id: 'b', size: null });
    },
  },
  {
    name: 'events without a handler change nothing and are passed over',
    run: async (stage) => {
      const { append, did, run, expect } = await openScene(stage);
      await append({ name: 'Labelled', payload: { id: 'l', text: 'x' } });
      await did(create('thing', { id: 'a' }));
      deepEqual(await run(), { kind: 'caught-up' });
      await expect('thing', { id: 'a' });
      await expect('label');
    },
  },
  {
    name: 'a handler sees a frozen event with exact values, and whether it is replayed',
    run: async (stage) => {
      const { append, run, expect } = await openScene(stage);
      const saw = { name: 'Saw', payload: { list: [1] }, occurredAt: '2026-03-01T19:00:00.123456Z' } as const;
      await append(saw);
      await run();
      await expect('thing', { id: 'seer', note: '["bigint","1","2026-03-01T19:00:00.123456Z",true,true]' });
      await append(saw);
      await run();
      await expect('thing', { id: 'seer', note: '["bigint","2","2026-03-01T19:00:00.123456Z",false,true]' });
    },
  },
  {
    name: 'a handler gets what the schema makes of the payload, and one that the schema refuses fails its event',
    run: async (stage) => {
      const { append, run, expect } = await openScene(stage);
      await append({ name: 'Checked', payload: { note: 'a' } });
      deepEqual(await run(), { kind: 'caught-up' });
      await append({ name: 'Checked', payload: { note: 7 } as never });
      expectFailed(await run(), {
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
      const { did, run, expect } = await openScene(stage);
      await did(create('thing', { id: 'a' }));
      await did(create('thing', { id: 'b' }), create('thing', { id: 'a' }));
      await did(create('thing', { id: 'c' }));
      const failed = { eventName: 'Did', position: 2n, sqlstate: '23505', code: null };
      expectFailed(await run(), failed);
      await expect('thing', { id: 'a' });
      equal((await run()).kind, 'halted');
      expectFailed(await run(things, 'attempt'), failed);
      equal((await stage.operations(things).open(new AbortController().signal)).status, 'halted');
      await expect('thing', { id: 'a' });
    },
  },
  {
    name: 'attempts at one event are counted until the projection halts',
    run: async (stage) => {
      const { append, run } = await openScene(stage, 3);
      await append({ name: 'Threw' });
      for (const halted of [false, false, true]) {
        expectFailed(
          await run(),
          { eventName: 'Threw', error: 'as it was told to', sqlstate: null, code: null },
          halted,
        );
      }
    },
  },
  {
    name: 'an attempt that goes through takes back the halt',
    run: async (stage) => {
      const { append, did, run, expect } = await openScene(stage);
      await append({ name: 'Looked', payload: { id: 'l' } });
      await run(labels);
      expectFailed(await run(), { code: 'LOOKUP_MISSED' });
      await append({ name: 'Labelled', payload: { id: 'l', text: 'late' } });
      await run(labels);
      deepEqual(await run(things, 'attempt'), { kind: 'behind' });
      await did(create('thing', { id: 'a' }));
      deepEqual(await run(), { kind: 'caught-up' });
      await expect('thing', { id: 'a' }, { id: 'looker', note: 'late' });
    },
  },
  {
    name: 'a pause holds back what is to come, and a halt is still there after it',
    run: async (stage) => {
      const { append, did, run, expect } = await openScene(stage);
      await stage.operations(things).setPaused(true, null);
      await did(create('thing', { id: 'a' }));
      deepEqual(await run(), { kind: 'paused' });
      await expect('thing');
      await stage.operations(things).setPaused(false, null);
      deepEqual(await run(), { kind: 'caught-up' });
      await expect('thing', { id: 'a' });
      await append({ name: 'Threw' });
      equal((await run()).kind, 'failed');
      deepEqual(await stage.operations(things).setPaused(true, null), { status: 'paused' });
      deepEqual(await run(), { kind: 'paused' });
      deepEqual(await stage.operations(things).setPaused(false, null), { status: 'halted' });
      equal((await run()).kind, 'halted');
    },
  },
  {
    name: 'a reset empties the tables, takes back a halt but no pause, and everything is replayed',
    run: async (stage) => {
      const { append, did, run, expect } = await openScene(stage);
      const operations = stage.operations(things);
      await did(create('thing', { id: 'a' }));
      await append({ name: 'Saw', payload: { list: [] } });
      await append({ name: 'Threw' });
      equal((await run()).kind, 'failed');
      deepEqual(await operations.reset(null), { status: 'running' });
      await expect('thing');
      equal((await run()).kind, 'failed');
      await expect('thing', { id: 'a' }, { id: 'seer' });
      deepEqual(await operations.reset(null), { status: 'running' });
      await operations.setPaused(true, null);
      deepEqual(await operations.reset(null), { status: 'paused' });
      deepEqual(await run(), { kind: 'paused' });
      await expect('thing');
    },
  },
  {
    name: 'with an aborted signal nothing is applied',
    run: async (stage) => {
      const { did, expect } = await openScene(stage);
      await did(create('thing', { id: 'a' }));
      deepEqual(await stage.operations(things).run('catch-up', AbortSignal.abort()), { kind: 'stopped' });
      await expect('thing');
    },
  },
  {
    name: 'opened again, nothing is left of what was',
    run: async (stage) => {
      const { did, append, run } = await openScene(stage);
      await did(create('thing', { id: 'a' }));
      await append({ name: 'Threw' });
      await run();
      const again = await openScene(stage);
      deepEqual(await again.run(), { kind: 'caught-up' });
      await again.expect('thing');
    },
  },
];
