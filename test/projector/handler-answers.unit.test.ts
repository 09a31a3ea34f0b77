import { expect, test, vi } from 'vitest';
import { multi, none } from '../../src/core/compound-statements.ts';
import type { StoredEvent } from '../../src/core/event.ts';
import { defineProjection, type Handler } from '../../src/core/projection.ts';
import type { StandardSchema } from '../../src/core/standard-schema.ts';
import type { Sender } from '../../src/postgres/guarded-transaction.ts';
import { HandlerAnswers } from '../../src/projector/handler-answers.ts';
import { findHandlerOrigin } from '../../src/projector/handler-origin.ts';
import { PageMetricsRecorder } from '../../src/projector/page-metrics.ts';
import { returnsStatements } from '../../src/projector/statement-returning.ts';
import { create } from '../../src/read-model/statements/create-statement.ts';

const event = (position: bigint, name = 'Noted', payload: unknown = {}): StoredEvent =>
  ({ position, name, payload }) as StoredEvent;

function handling(
  on: Readonly<Record<string, Handler<StoredEvent>>>,
  events: Readonly<Record<string, StandardSchema>> = {},
) {
  return defineProjection<{ name: string; payload: unknown }>()({
    name: 'band',
    tables: { t: { key: ['id'] } },
    on,
    events,
  });
}

const silent: Sender = { unsafe: async () => [] };

test('every event has its statements, one that is not handled none', () => {
  const row = create('t', { id: 1 });
  const answers = new HandlerAnswers(handling({ Noted: () => multi(row, none(), row) }), 0n);
  const [first, second] = [event(7n), event(9n, 'Other')];
  expect(answers.ahead([first, second])).toBeNull();
  expect([answers.statements(first), answers.statements(second)]).toEqual([[row, row], []]);
});

// Seen red with: `<` for `<=`, in either of the two places.
test('up to the head of the start a handler is told that it replays, after it that it does not', () => {
  const replaying: boolean[] = [];
  const band = handling({
    Noted: (_event, context) => {
      expect(Object.isFrozen(context)).toBe(true);
      replaying.push(context.replaying);
      return none();
    },
  });
  new HandlerAnswers(band, 8n).ahead([event(7n), event(8n), event(9n)]);
  const answers = new HandlerAnswers(band, 8n);
  for (const position of [8n, 9n]) answers.inTurn(event(position), silent);
  expect(replaying).toEqual([true, true, false, true, false]);
});

// Seen red with: `this.#known.set(event, answer)` taken out of #call; out of #callAhead.
test('what has been called ahead is not called again in its turn, whatever came of it', async () => {
  const calls: string[] = [];
  const band = handling({
    Noted: ({ name }) => {
      calls.push(name);
      return none();
    },
    Failed: ({ name }) => {
      calls.push(name);
      throw new Error('no');
    },
    Promised: (({ name }: StoredEvent) => {
      calls.push(name);
      return Promise.resolve();
    }) as never,
  });
  for (const name of ['Failed', 'Promised']) {
    calls.length = 0;
    const events = [event(1n), event(2n, name), event(3n)];
    const answers = new HandlerAnswers(band, 0n);
    const why = answers.ahead(events);
    expect(why).toContain(name);
    expect(answers.ahead(events)).toContain(name);
    for (const one of events) answers.inTurn(one, silent);
    answers.close();
    expect(calls).toEqual(['Noted', name, 'Noted']);
  }
});

// Seen red with: runsSql not asked in `ahead`.
test('a handler that is declared async, or has returned a promise before, is not called ahead of its turn', () => {
  const called = vi.fn();
  const declared = handling({
    Noted: async () => {
      called();
    },
    Other: () => {
      called();
      return Promise.resolve();
    },
  });
  const ahead = (name: string) => new HandlerAnswers(declared, 0n).ahead([event(7n, name)]);
  expect(ahead('Noted')).toBe('the handler of Noted runs SQL of its own');
  expect(called).not.toHaveBeenCalled();
  expect(ahead('Other')).toBe('the handler of Other returns a promise');
  expect(ahead('Other')).toBe('the handler of Other runs SQL of its own');
  expect(called).toHaveBeenCalledTimes(1);
});

// Seen red with: the gate not opened by inTurn.
test('what a handler sends that was called ahead waits until its turn, and goes to the transaction of then', async () => {
  const sent: string[] = [];
  const sender: Sender = {
    unsafe: async (text) => {
      sent.push(text);
      return [];
    },
  };
  const speaking = handling({ Noted: ((_: StoredEvent, { tx }: never) => speak(tx)) as never });
  const one = event(7n);
  const answers = new HandlerAnswers(speaking, 0n);
  answers.ahead([one]);
  await new Promise(setImmediate);
  expect(sent).toEqual([]);
  const answer = answers.inTurn(one, sender);
  if (answer.kind === 'promise') await answer.promise;
  expect(sent).toEqual(['SELECT 1']);
});

async function speak(tx: (text: TemplateStringsArray) => Promise<unknown>): Promise<void> {
  await tx`SELECT 1`;
}

// Seen red with: the gates not refused by close().
test('what has not had its turn when the attempt is over is refused, and reaches nobody', async () => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  let outcome: unknown = 'none';
  const band = handling({
    Noted: ((_: StoredEvent, { tx }: never) =>
      speak(tx).catch((error: unknown) => {
        outcome = error;
        throw error;
      })) as never,
  });
  const answers = new HandlerAnswers(band, 0n);
  answers.ahead([event(7n)]);
  // It has sent its statement by then, which waits.
  await new Promise(setImmediate);
  expect(outcome).toBe('none');
  answers.close();
  await new Promise(setImmediate);
  process.off('unhandledRejection', unhandled);
  expect(outcome).toMatchObject({ code: 'TRANSACTION_OVER' });
  expect(unhandled).not.toHaveBeenCalled();
});

// Seen red with: `lent.used` not asked.
test('a handler that returns statements and does not await its own SQL fails its event, ahead and in its turn', () => {
  const speaking = handling({
    Noted: (_event, { tx }) => {
      void tx`SELECT 1`;
      return none();
    },
  });
  const answers = new HandlerAnswers(speaking, 0n);
  expect(answers.ahead([event(7n)])).toBe('the handler of Noted fails');
  const answer = answers.inTurn(event(8n), silent);
  expect(answer).toMatchObject({ kind: 'failed', error: { code: 'HANDLER_NOT_AWAITED' } });
});

test('a handler is known as whose code runs, at which event, and gets what its schema makes of the payload', () => {
  const [seen, payloads, positions]: [unknown[], unknown[], bigint[]] = [[], [], []];
  const schema: StandardSchema = {
    '~standard': { version: 1, vendor: 'test', validate: () => ({ value: 'checked' }) },
  };
  const band = handling(
    {
      Noted: ({ payload }) => {
        seen.push(findHandlerOrigin());
        payloads.push(payload);
        return none();
      },
    },
    { Noted: schema },
  );
  const enter = (position: bigint) => positions.push(position);
  const slot = { enter, back: () => undefined, prepare: () => undefined, leave: () => undefined };
  new HandlerAnswers(band, 0n, new PageMetricsRecorder(slot)).ahead([event(7n), event(8n, 'Other')]);
  expect(seen).toEqual([{ projection: 'band', event: event(7n) }]);
  expect(payloads).toEqual(['checked']);
  expect(positions).toEqual([7n]);
});

// Seen red with: `!runsSql(handler)` left out of returnsStatements.
test('a handler that returns statements mostly and a promise once is not asked ahead of the transaction again', () => {
  let promise = false;
  const band = handling({ Noted: (() => (promise ? Promise.resolve() : none())) as never });
  const handler = band.handlers.get('Noted');
  if (handler === undefined) throw new Error('it has one');
  new HandlerAnswers(band, 0n).ahead([event(7n)]);
  expect(returnsStatements(handler)).toBe(true);
  promise = true;
  new HandlerAnswers(band, 0n).ahead([event(7n)]);
  expect(returnsStatements(handler)).toBe(false);
});
