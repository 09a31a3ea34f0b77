import { EngineError } from '../core/errors.ts';
import type { Statement } from '../core/statement.ts';

/** A statement that does something by itself. */
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
 * Takes what a handler returned apart: compounds become their parts, what does nothing is left out.
 * @throws EngineError HANDLER_RESULT_INVALID when it is not made of statements
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
