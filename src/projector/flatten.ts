import { EngineError } from '../core/errors.ts';
import type { Statement } from '../core/statement.ts';

/** A statement that is not compound and not empty. */
export type FlatStatement = Exclude<Statement, { readonly kind: 'multi' | 'none' }>;

const KINDS: ReadonlySet<unknown> = new Set<Statement['kind']>([
  'create',
  'upsert',
  'update',
  'remove',
  'copy',
  'lookup',
  'multi',
  'none',
]);

/**
 * The statements of a handler's result: compound statements become their parts, and empty ones are dropped.
 * @throws EngineError HANDLER_RESULT_INVALID if the result contains something else
 */
export function flattenStatements(result: unknown): FlatStatement[] {
  const flat: FlatStatement[] = [];
  for (const part of Array.isArray(result) ? (result as readonly unknown[]) : [result]) {
    if (typeof part !== 'object' || part === null || !('kind' in part) || !KINDS.has(part.kind)) {
      throw new EngineError('HANDLER_RESULT_INVALID', { result: part === null ? 'null' : typeof part });
    }
    const statement = part as Statement;
    if (statement.kind === 'multi') flat.push(...flattenStatements(statement.statements));
    else if (statement.kind !== 'none') flat.push(statement);
  }
  return flat;
}
