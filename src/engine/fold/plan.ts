import type { StoredEvent } from '../../core/event.ts';
import type { HandlerContext, Projection, Transaction } from '../../core/projection.ts';
import type { Lookup } from '../../core/statement.ts';
import { attributed } from '../attribution.ts';
import { checkedEvent } from '../checked-event.ts';
import { type FlatStatement, flattenStatements } from '../flatten.ts';
import type { PageMeter } from '../page-meter.ts';
import { returnedStatements } from '../statement-handlers.ts';
import { CannotFold } from './encode-write.ts';

/** What one event wants done, look-ups not yet resolved. */
export interface Planned {
  readonly index: number;
  readonly position: bigint;
  readonly statements: readonly FlatStatement[];
}

/**
 * Asks every handler of a page for its statements, before anything runs. An async handler runs SQL of its own, so a page
 * that has one cannot be planned.
 * @throws CannotFold, and what a handler throws: neither says which event is at fault, since what precedes it may fail too
 */
export function planPage(
  projection: Projection,
  events: readonly StoredEvent[],
  replayUntil: bigint,
  meter?: PageMeter,
): readonly Planned[] {
  const contexts = { old: contextFor(true), live: contextFor(false) };
  return events.map((event, index) => {
    const handler = projection.handlers.get(event.name);
    if (handler === undefined) return { index, position: event.position, statements: [] };
    if (handler.constructor.name === 'AsyncFunction')
      throw new CannotFold(`the handler of ${event.name} runs SQL of its own`);
    meter?.handling(event.position);
    const checked = checkedEvent(projection, event);
    const handlerContext = event.position <= replayUntil ? contexts.old : contexts.live;
    const result: unknown = attributed({ projection: projection.name, event }, () => handler(checked, handlerContext));
    if (result instanceof Promise) {
      // It was called with a transaction that refuses to run anything, so nothing has happened yet.
      result.catch(() => undefined);
      throw new CannotFold(`the handler of ${event.name} returns a promise`);
    }
    const statements = flattenStatements(result);
    returnedStatements(handler);
    return { index, position: event.position, statements };
  });
}

/** Look-ups of other projections' tables, which may be resolved before anything of the page is written. */
export function lookupsOf(plan: readonly Planned[]): readonly Lookup[] {
  return plan.flatMap(({ statements }) => statements.filter((statement) => statement.kind === 'lookup'));
}

function contextFor(replaying: boolean): HandlerContext {
  const tx: Transaction = () => {
    throw new CannotFold('a handler runs SQL of its own');
  };
  return Object.freeze({ tx, replaying });
}
