/** The result of a check: the value to use from then on, or the issues. */
type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Any schema that follows https://standardschema.dev: zod, valibot, arktype and others. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** Schemas by event type; a type without one is not checked. */
export type EventSchemas = Readonly<Record<string, StandardSchema>>;

/** The union of the events that pass these schemas, for `defineProjection`. */
export type EventsOf<Schemas extends EventSchemas> = {
  [Name in keyof Schemas & string]: { readonly name: Name; readonly payload: OutputOf<Schemas[Name]> };
}[keyof Schemas & string];

type OutputOf<Schema extends StandardSchema> = Frozen<NonNullable<Schema['~standard']['types']>['output']>;

/** `Readonly`, except that `Readonly<unknown>` would be {}. */
type Frozen<Output> = unknown extends Output ? unknown : Readonly<Output>;

/** Checks the shape: a schema is an object or, with some libraries, a function. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard: unknown = Reflect.get(value, '~standard');
  return typeof standard === 'object' && standard !== null && typeof Reflect.get(standard, 'validate') === 'function';
}
