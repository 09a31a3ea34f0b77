import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { orAborted } from '../core/deadline.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import type { NewEvent } from '../core/event.ts';
import type { OnHalt } from '../core/halt.ts';
import { type Projection, withEvents } from '../core/projection.ts';
import { type EventSchemas, isStandardSchema } from '../core/standard-schema.ts';
import { tableOwners } from '../core/table-owners.ts';

const DEFAULT_NAMES = ['projectionist.config.js', 'projectionist.config.mjs', 'projectionist.config.ts'];
const EXPORTS = ['projections', 'events', 'onHalt', 'sample', 'traffic', 'settings'] as const;

/** Makes events; called once, when they are needed. It must end soon after the signal is aborted. */
export type EventSource = (options: { readonly signal: AbortSignal }) => Iterable<NewEvent> | AsyncIterable<NewEvent>;

export interface ConfigFile {
  /** Absolute. */
  readonly file: string;
  /** With the schemas that the file exports as `events`. */
  readonly projections: readonly Projection[];
  /** The history an empty embedded store starts with. */
  readonly sample: EventSource | null;
  /** What `--traffic` goes on appending. */
  readonly traffic: EventSource | null;
  /** Called once with each projection that halts. */
  readonly onHalt: OnHalt | null;
  /** Not checked yet: `readConfig` does. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface LoadOptions {
  /** As given with --config, relative to `cwd`. Not given: the first of projectionist.config.js, .mjs, .ts in `cwd`. */
  readonly path?: string | undefined;
  readonly cwd: string;
  /** Ends the wait for a file whose top-level await takes long. Default: 30 s. */
  readonly signal?: AbortSignal;
  /** How a module is loaded. Default: `import()`. */
  readonly importModule?: (url: string) => Promise<unknown>;
  /** Whether this Node reads TypeScript by itself. Default: what `process.features` says. */
  readonly readsTypeScript?: boolean;
}

const projection = z.object({
  name: z.string(),
  version: z.number(),
  schema: z.string(),
  tables: z.instanceof(Map),
  handlers: z.instanceof(Map),
  events: z.instanceof(Map),
  reset: z.unknown(),
});

/**
 * Loads and checks the file that names the projections.
 * @throws EngineError CONFIG_FILE (missing, does not load, wrong shape), what `tableOwners` throws (a name or a table used
 * twice), and what `defineProjection` throws
 */
export async function loadConfigFile(options: LoadOptions): Promise<ConfigFile> {
  const file = await findFile(options);
  const exported = gatherExports(file, await importFile(file, options));
  const schemas = checkSchemas(file, exported.get('events'));
  const projections = checkProjections(file, exported.get('projections')).map((one) => withEvents(one, schemas));
  return Object.freeze({
    file,
    projections: Object.freeze(projections),
    sample: checkSource(file, 'sample', exported.get('sample')),
    traffic: checkSource(file, 'traffic', exported.get('traffic')),
    onHalt: checkOnHalt(file, exported.get('onHalt')),
    settings: checkSettings(file, exported.get('settings')),
  });
}

async function findFile({ path, cwd }: LoadOptions): Promise<string> {
  for (const name of path === undefined ? DEFAULT_NAMES : [path]) {
    const file = resolve(cwd, name);
    if (
      await access(file).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  throw path === undefined
    ? unusable(DEFAULT_NAMES[0] ?? '', `there is none in ${cwd}; go where it is, or give its path with --config`)
    : unusable(resolve(cwd, path), 'it is not there, or may not be read');
}

async function importFile(file: string, options: LoadOptions): Promise<object> {
  const readsTypeScript = options.readsTypeScript ?? Boolean(Reflect.get(process.features, 'typescript'));
  if (/\.[cm]?ts$/.test(file) && !readsTypeScript) {
    throw unusable(
      file,
      `Node ${process.versions.node} does not read TypeScript; build it first and give the .js file with --config`,
    );
  }
  const importModule = options.importModule ?? ((url) => import(url));
  const signal = options.signal ?? AbortSignal.timeout(30_000);
  try {
    const loaded = await orAborted(importModule(pathToFileURL(file).href), signal);
    return typeof loaded === 'object' && loaded !== null ? loaded : {};
  } catch (error) {
    // A projection that is wrong says so itself, better than "cannot use the file" would.
    if (isEngineError(error)) throw error;
    if (signal.aborted)
      throw unusable(file, 'it did not finish loading in time; is there an await that never ends?', error);
    throw unusable(file, whyNotLoaded(file, error), error);
  }
}

/** Node keeps the place of a syntax error to itself, so the line says how to see it. */
function whyNotLoaded(file: string, error: unknown): string {
  if (!(error instanceof Error)) return `it throws ${String(error).slice(0, 200)}`;
  if (error instanceof SyntaxError) {
    return `it, or a file it imports, does not parse: ${error.message} (\`node --check ${file}\` shows where)`;
  }
  return error.message;
}

/** Named exports win over those of the same name in the default export, which may also be the projections alone. */
function gatherExports(file: string, loaded: object): ReadonlyMap<string, unknown> {
  const fallback: unknown = Reflect.get(loaded, 'default');
  const inDefault = Array.isArray(fallback) ? { projections: fallback } : (fallback ?? {});
  if (typeof inDefault !== 'object') throw unusable(file, `its default export is a ${typeof inDefault}, not an object`);
  const found = new Map<string, unknown>();
  for (const name of EXPORTS) {
    const value: unknown = Reflect.get(loaded, name) ?? Reflect.get(inDefault, name);
    if (value !== undefined && value !== null) found.set(name, value);
  }
  return found;
}

function checkProjections(file: string, exported: unknown): readonly Projection[] {
  if (exported === undefined) throw unusable(file, 'it exports no `projections`');
  if (typeof exported !== 'object' || exported === null) {
    throw unusable(file, '`projections` is neither a list nor a record of projections');
  }
  const entries = Object.entries(exported);
  if (entries.length === 0) throw unusable(file, '`projections` is empty');
  const checked = entries.map(([key, value]: [string, unknown]): Projection => {
    if (isProjection(value)) return value;
    throw unusable(file, `projections[${key}] is not a projection: make it with defineProjection()({…})`);
  });
  tableOwners(checked);
  return checked;
}

/** By shape, since the file may have its own copy of this package. */
function isProjection(value: unknown): value is Projection {
  return projection.safeParse(value).success;
}

function checkSchemas(file: string, exported: unknown): EventSchemas {
  if (exported === undefined) return {};
  const checked = z.record(z.string(), z.custom<EventSchemas[string]>(isStandardSchema)).safeParse(exported);
  if (checked.success) return checked.data;
  const place = checked.error.issues[0]?.path.join('.') ?? '';
  throw unusable(
    file,
    place === '' ? '`events` is not a record of schemas by event type' : `events.${place} is no Standard Schema`,
  );
}

function checkSource(file: string, name: string, exported: unknown): EventSource | null {
  if (exported === undefined) return null;
  if (isEventSource(exported)) return exported;
  throw unusable(file, `\`${name}\` is not a function that returns events`);
}

function checkOnHalt(file: string, exported: unknown): OnHalt | null {
  if (exported === undefined) return null;
  if (isOnHalt(exported)) return exported;
  throw unusable(file, '`onHalt` is not a function that takes a halt');
}

function isOnHalt(value: unknown): value is OnHalt {
  return typeof value === 'function';
}

function isEventSource(value: unknown): value is EventSource {
  return typeof value === 'function';
}

function checkSettings(file: string, exported: unknown): Readonly<Record<string, unknown>> {
  if (exported === undefined) return {};
  const checked = z.record(z.string(), z.unknown()).safeParse(exported);
  if (!checked.success) throw unusable(file, '`settings` is not an object');
  return checked.data;
}

function unusable(file: string, reason: string, cause?: unknown): EngineError {
  return new EngineError('CONFIG_FILE', { file, reason }, { cause });
}
