import { describeError } from '../core/describe-error.ts';
import { EngineError } from '../core/errors.ts';
import { isTransient } from '../postgres/errors.ts';
import type { Tx } from '../postgres/pool.ts';

const SHOWN = 60;

/**
 * Runs the DDL that a projection declares as its `schema`.
 * @throws EngineError PROJECTION_DDL with its name and the place in the text: of a hundred projections PostgreSQL names none
 */
export async function runDdl(tx: Tx, name: string, ddl: string): Promise<void> {
  try {
    await tx.unsafe(ddl);
  } catch (error) {
    // A lock that was not free, or a lost connection: the caller may migrate again.
    if (!(error instanceof Error) || isTransient(error)) throw error;
    throw new EngineError(
      'PROJECTION_DDL',
      { name, where: placeOf(error, ddl), reason: reasonOf(error) },
      { cause: error },
    );
  }
}

function reasonOf(error: Error): string {
  const hint: unknown = Reflect.get(error, 'hint');
  return [describeError(error), ...(typeof hint === 'string' && hint !== '' ? [hint] : [])].join('; ');
}

/** PostgreSQL counts characters, from 1, over the whole text; of errors that no place can be given for it says nothing. */
function placeOf(error: Error, ddl: string): string {
  const position = Number(Reflect.get(error, 'position') ?? Number.NaN);
  if (!Number.isInteger(position) || position < 1) return '';
  const before = [...ddl].slice(0, position - 1).join('');
  const lines = before.split('\n');
  const rest = ddl.slice(before.length).split('\n')[0] ?? '';
  return ` at line ${lines.length}, column ${[...(lines.at(-1) ?? '')].length + 1} (\`${rest.slice(0, SHOWN)}\`)`;
}
