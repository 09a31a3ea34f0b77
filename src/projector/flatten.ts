import { EngineError } from '../core/errors.ts';
import type { Lookup, Statement, Write } from '../core/statement.ts';
import { isWriteKind } from '../read-model/statements/statement-registry.ts';

/** A statement that reads or writes. */
export type FlatStatement = Write | Lookup;

/**
 * The writes and look-ups that a handler returned, in order: `multi` is replaced by its statements, and `none` is left out.
 * @throws EngineError HANDLER_RESULT_INVALID if the result is not made of statements
 */
export function flattenStatements(result: unknown): FlatStatement[] {
  const flat: FlatStatement[] = [];
  for (const part of Array.isArray(result) ? (result as readonly unknown[]) : [result]) {
    if (typeof part !== 'object' || part === null || !('kind' in part) || !isKind(part.kind)) {
      throw new EngineError('HANDLER_RESULT_INVALID', { result: part === null ? 'null' : typeof part });
    }
    const statement = part as Statement;
    if (statement.kind === 'multi') flat.push(...flattenStatements(statement.statements));
    else if (statement.kind !== 'none') flat.push(statement);
  }
  return flat;
}

function isKind(kind: unknown): boolean {
  return kind === 'lookup' || kind === 'multi' || kind === 'none' || isWriteKind(kind);
}
