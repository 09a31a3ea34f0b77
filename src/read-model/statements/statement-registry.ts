import type { Write, WriteKinds } from '../../core/statement.ts';
import { copyStatement } from './copy-statement.ts';
import { createStatement } from './create-statement.ts';
import { removeStatement } from './remove-statement.ts';
import type { WriteDefinition } from './statement-definition.ts';
import { updateStatement } from './update-statement.ts';
import { upsertStatement } from './upsert-statement.ts';

/** Every kind of statement that writes, in the order of the documentation. A kind without its line does not compile. */
const DEFINITIONS: { readonly [Kind in keyof WriteKinds]: WriteDefinition<WriteKinds[Kind]> } = {
  create: createStatement,
  upsert: upsertStatement,
  update: updateStatement,
  remove: removeStatement,
  copy: copyStatement,
};

export const WRITE_DEFINITIONS: readonly WriteDefinition[] = Object.values(DEFINITIONS);

export function isWriteKind(kind: unknown): kind is Write['kind'] {
  return typeof kind === 'string' && Object.hasOwn(DEFINITIONS, kind);
}

export function writeDefinition({ kind }: Write): WriteDefinition {
  return DEFINITIONS[kind] as WriteDefinition;
}
