import { expect, test } from 'vitest';
import { create, defineProjection, type Statement, type StoredEvent } from '../../src/index.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { openScene } from '../support/scene.ts';

function supervisor(name: string, keep: (event: StoredEvent) => Statement) {
  return defineProjection<{ name: 'Noted'; payload: unknown }>()({
    name,
    schema: `CREATE TABLE IF NOT EXISTS ${name} (position bigint PRIMARY KEY, text text, payload jsonb)`,
    tables: { [name]: { key: ['position'] } },
    on: { Noted: (event) => keep(event) },
  });
}

test.each([1, 30])(
  'G11: a payload nested 5000 deep beside a big integer is read, and stops no projection, among %i events',
  async (count) => {
    const deep = supervisor('deep', ({ position, payload }) => create('deep', { position, payload: payload as never }));
    const { projection: ledger } = createLedger();
    await using scene = await openScene([deep, ledger]);
    await scene.append(...noted('a', 1, count));
    await scene.sql`
    INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
    VALUES ('test.Stream', 'deep', 1, 'Noted', ('{"text":"deep","big":9007199254740993,"nested":' || repeat('[', 5000) || repeat(']', 5000) || '}')::jsonb)`;
    await scene.append(...noted('b', 1, 1));
    const daemon = await scene.start({ retries: 0 });
    await untilCaughtUp(daemon, scene.sql, ['ledger']);
    expect((await readLedger(scene.sql)).slice(-2)).toEqual(['deep', 'b1']);
    // A handler that writes the payload back reaches the limits of JSON.stringify: the event fails, or it is applied.
    const { state, failure } = await untilStatus(
      daemon,
      'deep',
      (one) => one.state === 'failed' || one.lagEvents === 0,
    );
    if (state === 'failed') expect(failure?.error).toContain('call stack');
    else
      expect(await scene.sql`SELECT payload->>'big' AS big FROM deep WHERE payload ? 'nested'`).toEqual([
        { big: '9007199254740993' },
      ]);
  },
);

// Seen red with: wellFormed left out of parameters.ts (U+FFFD is written silently).
test.each([
  ['G6', 'a NUL character', 'a\u0000b', 'invalid byte sequence'],
  ['G7', 'half a character', 'a\ud800b', 'lone surrogate'],
])('%s: %s in a value that a handler writes halts at the event, folded or not', async (_row, _what, text, error) => {
  const odd = supervisor('odd', ({ position, payload }) =>
    create('odd', { position, text: (payload as { text: string }).text === 'bad1' ? text : null }),
  );
  await using scene = await openScene([odd]);
  const appended = await scene.append(...noted('a', 1, 20), ...noted('bad', 1, 1), ...noted('c', 1, 1));
  const daemon = await scene.start({ retries: 0 });
  const { failure } = await untilStatus(daemon, 'odd', ({ state }) => state === 'failed');
  expect(failure).toMatchObject({ position: String(appended[20]?.position), error: expect.stringContaining(error) });
  expect(await scene.sql`SELECT count(*)::int FROM odd`).toEqual([{ count: 20 }]);
});

test('G6: the store refuses a NUL character', async () => {
  await using scene = await openScene([createLedger().projection]);
  const [event] = noted('a', 1, 1, { payload: { text: 'a\u0000b' } });
  await expect(scene.append(...(event === undefined ? [] : [event]))).rejects.toThrow();
  expect(await scene.sql`SELECT * FROM events`).toEqual([]);
});

test('G12: `__proto__` and `constructor` in a payload are keys like any other', async () => {
  const seen: unknown[] = [];
  const proto = supervisor('proto', ({ position, payload }) => {
    seen.push(payload);
    return create('proto', { position, payload: payload as never });
  });
  await using scene = await openScene([proto]);
  const json = '{"__proto__": {"polluted": 1, "__proto__": 9007199254740993}, "constructor": 1}';
  await scene.sql`
    INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
    VALUES ('test.Stream', 'a', 1, 'Noted', ${json}::jsonb)`;
  const daemon = await scene.start({ retries: 0 });
  await untilCaughtUp(daemon, scene.sql);
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
  expect(Object.getPrototypeOf(seen[0])).toBe(Object.prototype);
  expect(await scene.sql`SELECT payload::text FROM proto`).toEqual(await scene.sql`SELECT payload::text FROM events`);
});

test.each(['null', '[]', '7', '"text"', '{}'])(
  'G13: the payload %s is a failure of its event where the handler cannot use it',
  async (json) => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    await scene.append(...noted('a', 1, 1));
    await scene.sql`
    INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
    VALUES ('test.Stream', 'odd', 1, 'Noted', ${json}::jsonb)`;
    const daemon = await scene.start({ retries: 0 });
    const { failure } = await untilStatus(daemon, 'ledger', ({ state }) => state === 'failed');
    expect(failure).toMatchObject({ eventName: 'Noted', attempts: 1 });
    expect(await readLedger(scene.sql)).toEqual(['a1']);
  },
);

test('G14, G15: an id or a sequence number that exists is refused; a gap in a stream is accepted', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  const [first] = await scene.append(...noted('a', 1, 1), ...noted('a', 7, 1));
  await expect(scene.append(...noted('b', 1, 1, { id: first?.id ?? '' }))).rejects.toMatchObject({
    code: expect.stringMatching(/^APPEND_/),
  });
  await expect(scene.append(...noted('a', 7, 1, { payload: { text: 'again' } }))).rejects.toMatchObject({
    code: 'APPEND_CONFLICT',
  });
  const daemon = await scene.start({ retries: 0 });
  await untilCaughtUp(daemon, scene.sql);
  expect(await readLedger(scene.sql)).toEqual(['a1', 'a7']);
});

test('G16, G17: the id of a stream may be any text, a payload may have a megabyte, and only the position defines the order', async () => {
  const { projection } = createLedger();
  const odd = `'";\n\u202e👩‍🚀`;
  await using scene = await openScene([projection]);
  await scene.append(
    ...noted(odd, 1, 1, { occurredAt: '2999-01-01T00:00:00Z', payload: { text: 'x'.repeat(1_000_000) } }),
    ...noted(odd, 2, 1, { occurredAt: '1970-01-02T00:00:00Z', payload: { text: odd } }),
  );
  const daemon = await scene.start({ retries: 0 });
  await untilCaughtUp(daemon, scene.sql);
  expect((await readLedger(scene.sql)).map((text) => text.slice(0, 20))).toEqual(['x'.repeat(20), odd]);
});
