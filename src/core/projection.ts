import { isEngineTable } from './engine-tables.ts';
import { EngineError } from './errors.ts';
import type { StoredEvent } from './event.ts';
import { checkPolicy, type FailurePolicy } from './failure-policy.ts';
import { checkIdentifier } from './identifier.ts';
import { type EventSchemas, isStandardSchema, type StandardSchema } from './standard-schema.ts';
import type { Statement } from './statement.ts';

/** An event of one type: name and payload. `defineProjection` takes a union of these as its type argument. */
export interface EventShape {
  readonly name: string;
  readonly payload: unknown;
}

/** Runs SQL inside the page's transaction: `` tx`SELECT …` ``, values as parameters. A COMMIT is refused. */
export type Transaction = <T extends readonly object[] = readonly Record<string, unknown>[]>(
  text: TemplateStringsArray,
  ...parameters: readonly unknown[]
) => PromiseLike<T>;

export interface HandlerContext {
  /** The page's transaction: its statements commit together with the position, or not at all. */
  readonly tx: Transaction;
  /** True up to the high-water mark that was read first after a start or a reset. A handler then leaves out its side effects. */
  readonly replaying: boolean;
}

/** Returns statements, or is async and runs SQL of its own in the page's transaction. */
export type Handler<E> = (event: E, context: HandlerContext) => Statement | readonly Statement[] | Promise<void>;

type EventNamed<E extends EventShape, Name extends string> = Extract<E, { readonly name: Name }>;

type Handlers<E extends EventShape> = {
  readonly [Name in E['name']]?: Handler<StoredEvent<Name, EventNamed<E, Name>['payload']>>;
};

type Schemas<E extends EventShape> = {
  readonly [Name in E['name']]?: StandardSchema<EventNamed<E, Name>['payload']>;
};

export interface TableShape {
  readonly key: readonly string[];
  readonly unique?: readonly (readonly string[])[];
}

export interface ProjectionDefinition<E extends EventShape> {
  /** Lower-case letters, digits and underscores, at most 63. The name in readviews, in commands and in URLs. */
  readonly name: string;
  /** A whole number. Raise it when the handlers write other rows than before: status then offers a reset. Default 1. */
  readonly version?: number;
  /** DDL of the tables. Each `migrate` runs it, so it must be repeatable (IF NOT EXISTS). Default: none. */
  readonly schema?: string;
  /** Overrides of the settings: what the engine does with an event that fails, and how long handlers may take. */
  readonly policy?: Partial<FailurePolicy>;
  /** The tables that this projection alone writes, at least one. */
  readonly tables: Readonly<Record<string, TableShape>>;
  readonly on: Handlers<E>;
  /**
   * Schemas by event type. The engine checks a payload before it calls the handler, which receives the value that the schema
   * makes of it. A payload that does not pass fails its event. Types without a schema are not checked. Default: none.
   */
  readonly events?: Schemas<E>;
  /**
   * Empties the tables in place of the TRUNCATE of `tables`, in the transaction of the reset, which it must not end. It also
   * runs when the reset of another projection includes this one. The whole reset has 20 seconds. An error that it throws
   * rolls the reset back.
   */
  readonly reset?: (context: { readonly tx: Transaction }) => Promise<void>;
}

declare const EVENTS: unique symbol;

/** A checked definition, as the engine runs it. `E` is the union of the events that it was declared with. */
export interface Projection<E extends EventShape = EventShape> {
  /** For the compiler alone: a test of this projection takes its events and no others. Never set at run time. */
  readonly [EVENTS]?: E;
  readonly name: string;
  readonly version: number;
  readonly schema: string;
  readonly tables: ReadonlyMap<string, TableShape>;
  readonly handlers: ReadonlyMap<string, Handler<StoredEvent>>;
  readonly events: ReadonlyMap<string, StandardSchema>;
  readonly policy: Partial<FailurePolicy>;
  readonly reset: ((context: { readonly tx: Transaction }) => Promise<void>) | null;
}

/**
 * Declares a projection: `defineProjection<MyEvent>()({ name, tables, on })`. There are two calls,
 * since TypeScript cannot take one type argument and infer the other.
 * @throws EngineError PROJECTION_INVALID, IDENTIFIER_INVALID, TABLE_RESERVED
 */
export function defineProjection<E extends EventShape>() {
  return (definition: ProjectionDefinition<E>): Projection<E> => {
    const name = checkIdentifier('projection', definition.name);
    const version = definition.version ?? 1;
    if (!Number.isSafeInteger(version) || version < 1) {
      throw new EngineError('PROJECTION_INVALID', { name, reason: 'version must be a whole number from 1' });
    }
    const tables = new Map(Object.entries(definition.tables));
    if (tables.size === 0) throw new EngineError('PROJECTION_INVALID', { name, reason: 'it declares no tables' });
    for (const [table, shape] of tables) {
      checkIdentifier('table', table);
      if (isEngineTable(table)) throw new EngineError('TABLE_RESERVED', { name, table, other: table });
      for (const column of [...shape.key, ...(shape.unique ?? []).flat()]) checkIdentifier('column', column);
      if (shape.key.length === 0)
        throw new EngineError('PROJECTION_INVALID', { name, reason: `table '${table}' has no key` });
    }
    const handlers = new Map<string, Handler<StoredEvent>>();
    for (const [eventName, handler] of Object.entries<unknown>(definition.on)) {
      if (typeof handler !== 'function') {
        throw new EngineError('PROJECTION_INVALID', {
          name,
          reason: `the handler of '${eventName}' is not a function`,
        });
      }
      handlers.set(eventName, handler as Handler<StoredEvent>);
    }
    if (definition.reset !== undefined && typeof definition.reset !== 'function') {
      throw new EngineError('PROJECTION_INVALID', { name, reason: 'its reset is not a function' });
    }
    if (handlers.size === 0) throw new EngineError('PROJECTION_INVALID', { name, reason: 'it handles no event' });
    return Object.freeze({
      name,
      version,
      schema: definition.schema ?? '',
      tables,
      handlers,
      events: checkSchemas(name, definition.events ?? {}),
      policy: checkPolicy(name, definition.policy ?? {}),
      reset: definition.reset ?? null,
    });
  };
}

/** The projection with these schemas for the event types that it has no schema for itself. */
export function withEvents(projection: Projection, schemas: EventSchemas): Projection {
  const shared = checkSchemas(projection.name, schemas);
  return Object.freeze({ ...projection, events: new Map([...shared, ...projection.events]) });
}

function checkSchemas(name: string, schemas: Readonly<Record<string, unknown>>): ReadonlyMap<string, StandardSchema> {
  const checked = new Map<string, StandardSchema>();
  for (const [eventName, schema] of Object.entries(schemas)) {
    if (!isStandardSchema(schema)) {
      const reason = `events.${eventName} is no Standard Schema (zod, valibot, arktype and others make them)`;
      throw new EngineError('PROJECTION_INVALID', { name, reason });
    }
    checked.set(eventName, schema);
  }
  return checked;
}
