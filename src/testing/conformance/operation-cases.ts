import { deepEqual, equal } from 'node:assert/strict';
import { create } from '../../read-model/statements/create-statement.ts';
import { upsert } from '../../read-model/statements/upsert-statement.ts';
import { type ConformanceCase, expectFailed, labels, openFixture, things } from './fixture.ts';

/** The operations of a projection: positions, failures, pauses, resets. */
export const operationsCases: readonly ConformanceCase[] = [
  {
    name: 'a projection without events has caught up after its first run',
    run: async (backend) => {
      const { run, expect } = await openFixture(backend);
      deepEqual(await backend.operations(things).open(new AbortController().signal), {
        status: 'running',
        detail: null,
      });
      deepEqual(await run(), { kind: 'caught-up' });
      await expect('thing');
    },
  },
  {
    name: 'every event is applied once and in order, over several appends and runs',
    run: async (backend) => {
      const { did, run, expect } = await openFixture(backend);
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
    run: async (backend) => {
      const { append, did, run, expect } = await openFixture(backend);
      await append({ name: 'Labelled', payload: { id: 'l', text: 'x' } });
      await did(create('thing', { id: 'a' }));
      deepEqual(await run(), { kind: 'caught-up' });
      await expect('thing', { id: 'a' });
      await expect('label');
    },
  },
  {
    name: 'a handler receives a frozen event with exact values, and whether it is replayed',
    run: async (backend) => {
      const { append, run, expect } = await openFixture(backend);
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
    name: 'a handler receives the output of the payload schema, and a payload that the schema refuses fails its event',
    run: async (backend) => {
      const { append, run, expect } = await openFixture(backend);
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
    name: 'a failed event changes nothing, the events before it stay applied, and the projection halts before it',
    run: async (backend) => {
      const { did, run, expect } = await openFixture(backend);
      await did(create('thing', { id: 'a' }));
      await did(create('thing', { id: 'b' }), create('thing', { id: 'a' }));
      await did(create('thing', { id: 'c' }));
      const failed = { eventName: 'Did', position: 2n, sqlstate: '23505', code: null };
      expectFailed(await run(), failed);
      await expect('thing', { id: 'a' });
      equal((await run()).kind, 'halted');
      expectFailed(await run(things, 'attempt'), failed);
      equal((await backend.operations(things).open(new AbortController().signal)).status, 'halted');
      await expect('thing', { id: 'a' });
    },
  },
  {
    name: 'attempts at one event are counted until the projection halts',
    run: async (backend) => {
      const { append, run } = await openFixture(backend, 3);
      await append({ name: 'Threw' });
      for (const halted of [false, false, true]) {
        expectFailed(
          await run(),
          { eventName: 'Threw', error: 'thrown on purpose', sqlstate: null, code: null },
          halted,
        );
      }
    },
  },
  {
    name: 'an attempt that succeeds ends the halt',
    run: async (backend) => {
      const { append, did, run, expect } = await openFixture(backend);
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
    name: 'a paused projection applies no event, and a halt outlasts a pause',
    run: async (backend) => {
      const { append, did, run, expect } = await openFixture(backend);
      await backend.operations(things).setPaused(true, null);
      await did(create('thing', { id: 'a' }));
      deepEqual(await run(), { kind: 'paused' });
      await expect('thing');
      await backend.operations(things).setPaused(false, null);
      deepEqual(await run(), { kind: 'caught-up' });
      await expect('thing', { id: 'a' });
      await append({ name: 'Threw' });
      equal((await run()).kind, 'failed');
      deepEqual(await backend.operations(things).setPaused(true, null), { status: 'paused' });
      deepEqual(await run(), { kind: 'paused' });
      deepEqual(await backend.operations(things).setPaused(false, null), { status: 'halted' });
      equal((await run()).kind, 'halted');
    },
  },
  {
    name: 'a reset empties the tables and ends a halt but no pause, and every event is replayed',
    run: async (backend) => {
      const { append, did, run, expect } = await openFixture(backend);
      const operations = backend.operations(things);
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
    name: 'a run with an aborted signal applies nothing',
    run: async (backend) => {
      const { did, expect } = await openFixture(backend);
      await did(create('thing', { id: 'a' }));
      deepEqual(await backend.operations(things).run('catch-up', AbortSignal.abort()), { kind: 'stopped' });
      await expect('thing');
    },
  },
  {
    name: 'opening a backend again removes all events and rows',
    run: async (backend) => {
      const { did, append, run } = await openFixture(backend);
      await did(create('thing', { id: 'a' }));
      await append({ name: 'Threw' });
      await run();
      const again = await openFixture(backend);
      deepEqual(await again.run(), { kind: 'caught-up' });
      await again.expect('thing');
    },
  },
];
