import type { Projection } from '../../core/projection.ts';
import { type FlatStatement, flattenStatements } from '../../projector/flatten.ts';

/** What the handlers of a projection wanted, look-ups and what came of them included. */
export interface Observed {
  readonly projection: Projection;
  readonly wanted: readonly FlatStatement[];
  /** Whether a handler ran SQL of its own, of which nothing is known here. */
  imperative(): boolean;
}

/** The same projection, with a list of what its handlers return. SQL that they run themselves is not in it. */
export function observed(projection: Projection): Observed {
  const wanted: FlatStatement[] = [];
  let imperative = false;
  const note = (result: unknown): unknown => {
    if (result instanceof Promise) {
      imperative = true;
      return result;
    }
    return flattenStatements(result).map((statement) => {
      wanted.push(statement);
      if (statement.kind !== 'lookup') return statement;
      return { ...statement, use: (found: string) => note(statement.use(found)) };
    });
  };
  const handlers = [...projection.handlers].map(
    ([name, handler]) => [name, (...given: Parameters<typeof handler>) => note(handler(...given))] as const,
  );
  return {
    projection: { ...projection, handlers: new Map(handlers) as Projection['handlers'] },
    wanted,
    imperative: () => imperative,
  };
}
