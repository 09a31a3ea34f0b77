import type { Projection } from '../../core/projection.ts';
import { type FlatStatement, flattenStatements } from '../../projector/flatten.ts';

/** A projection whose handlers record the statements that they return, look-ups and their results included. */
export interface RecordingHandlers {
  readonly projection: Projection;
  /** The recorded statements, in the order in which the handlers returned them. */
  readonly statements: readonly FlatStatement[];
  /** Whether a handler was async: the SQL that it ran itself is not recorded. */
  ranOwnSql(): boolean;
}

export function recordHandlers(projection: Projection): RecordingHandlers {
  const statements: FlatStatement[] = [];
  let ownSql = false;
  const record = (result: unknown): unknown => {
    if (result instanceof Promise) {
      ownSql = true;
      return result;
    }
    return flattenStatements(result).map((statement) => {
      statements.push(statement);
      if (statement.kind !== 'lookup') return statement;
      return { ...statement, use: (found: string) => record(statement.use(found)) };
    });
  };
  const handlers = [...projection.handlers].map(
    ([name, handler]) => [name, (...given: Parameters<typeof handler>) => record(handler(...given))] as const,
  );
  return {
    projection: { ...projection, handlers: new Map(handlers) as Projection['handlers'] },
    statements,
    ranOwnSql: () => ownSql,
  };
}
