import fc from 'fast-check';
import type { Write } from '../../src/core/statement.ts';
import type {
  ExampleParts,
  StatementForm,
  WriteDefinition,
} from '../../src/read-model/statements/statement-definition.ts';
import { WRITE_DEFINITIONS } from '../../src/read-model/statements/statement-registry.ts';

export interface KnownForm {
  readonly definition: WriteDefinition;
  readonly form: StatementForm<Write>;
}

/** Every form of every kind in the registry, so that the tests cover a new kind by its line there. */
export const forms: readonly KnownForm[] = WRITE_DEFINITIONS.flatMap((definition) =>
  definition.forms.map((form) => ({ definition, form })),
);

/** Statements of these forms, made of these parts. */
export function anyStatement(parts: fc.Arbitrary<ExampleParts>, of: readonly KnownForm[] = forms): fc.Arbitrary<Write> {
  return fc.tuple(fc.constantFrom(...of), parts).map(([{ form }, given]) => form.example(given));
}
