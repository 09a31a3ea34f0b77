import { expect, test } from 'vitest';
import { PageMetricsRecorder } from '../../src/projector/page-metrics.ts';

type Cut = Parameters<PageMetricsRecorder['cut']>[1];
const events = [7n, 8n, 9n].map((position) => ({ position }));
const failure = {
  eventId: 'e',
  eventName: 'Noted',
  position: 9n,
  error: 'no',
  sqlstate: null,
  aggregateName: 'a',
  aggregateId: 'a',
  sequenceNo: 1n,
  occurredAt: '',
  code: null,
  statement: null,
};
const failed = (cursor: bigint, verdict: 'retry' | 'halt' | 'skip'): Cut => ({
  kind: 'failed',
  cursor,
  failure,
  attempts: 1,
  verdict,
});

test('pages are counted by mode with their seconds, and their events together', () => {
  const recorder = new PageMetricsRecorder();
  recorder.applied(200, 'folded', 500);
  recorder.applied(3, 'in_order', 20);
  recorder.applied(2, 'at_once', 10);
  recorder.applied(300, 'folded', 250);
  expect(recorder.metrics()).toMatchObject({
    pages: {
      folded: { count: 2, seconds: 0.75 },
      in_order: { count: 1, seconds: 0.02 },
      at_once: { count: 1, seconds: 0.01 },
    },
    events: 505,
    failures: 0,
    retries: 0,
  });
});

// Seen red with: a sum that is set and not added to; milliseconds kept.
test('statements are counted by event type, folds by table', () => {
  const recorder = new PageMetricsRecorder();
  recorder.statement('Noted', 100);
  recorder.statement('Noted', 400);
  recorder.statement('Other', 2000);
  recorder.folded('band', 50);
  recorder.folded('band', 25);
  const { statements, folds } = recorder.metrics();
  expect([...statements]).toEqual([
    ['Noted', { count: 2, seconds: 0.5 }],
    ['Other', { count: 1, seconds: 2 }],
  ]);
  expect(folds.get('band')?.count).toBe(2);
  expect(folds.get('band')?.seconds).toBeCloseTo(0.075);
});

// Seen red with: `<` for `<=`; the skipped event counted as applied; a wait counted as a failure.
test('of a page that was cut only the events before the failed one count, and a skipped event does not', () => {
  const cuts: readonly (readonly [Cut, number, number])[] = [
    [failed(8n, 'retry'), 2, 1],
    [failed(8n, 'halt'), 2, 1],
    [failed(9n, 'skip'), 2, 1],
    [failed(6n, 'retry'), 0, 1],
    [{ kind: 'waiting', cursor: 7n, detail: 'band' }, 1, 0],
  ];
  for (const [outcome, applied, failures] of cuts) {
    const recorder = new PageMetricsRecorder();
    recorder.cut(events, outcome);
    expect(
      recorder.metrics(),
      JSON.stringify(outcome, (_, value) => String(value)),
    ).toMatchObject({ events: applied, failures });
  }
});

test('runs that retry a failed event are counted', () => {
  const recorder = new PageMetricsRecorder();
  recorder.retried();
  recorder.retried();
  expect(recorder.metrics().retries).toBe(2);
});

// Seen red with: the sums of pages returned without a copy.
test('metrics that were returned do not change any more', () => {
  const recorder = new PageMetricsRecorder();
  recorder.applied(1, 'folded', 1);
  recorder.statement('Noted', 1);
  recorder.folded('band', 1);
  const before = recorder.metrics();
  recorder.applied(1, 'folded', 1);
  recorder.applied(1, 'in_order', 1);
  recorder.applied(1, 'at_once', 1);
  recorder.statement('Other', 1);
  recorder.folded('event', 1);
  const none = { count: 0, seconds: 0 };
  expect(before.pages).toEqual({ folded: { count: 1, seconds: 0.001 }, in_order: none, at_once: none });
  expect([before.statements.size, before.folds.size]).toEqual([1, 1]);
});

test('the slot shows which event is handled and when that is over, and the recorder works without a slot', () => {
  const seen: (bigint | null)[] = [];
  const recorder = new PageMetricsRecorder({
    enter: (position) => seen.push(position),
    back: () => undefined,
    prepare: () => undefined,
    leave: () => seen.push(null),
  });
  recorder.handling(7n);
  recorder.handled();
  expect(seen).toEqual([7n, null]);
  const alone = new PageMetricsRecorder();
  alone.handling(7n);
  alone.handled();
});
