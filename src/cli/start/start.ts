import { randomBytes } from 'node:crypto';
import type { Observer } from '../../../machines/observers.ts';
import { type ConfigFile, loadConfigFile } from '../../config/load-projections.ts';
import { settingsWithoutEffect } from '../../config/no-effect.ts';
import { type Config, readConfig, redactedConfig, secretsOf } from '../../config/read-config.ts';
import { EngineError } from '../../core/errors.ts';
import { createDaemon, type Daemon } from '../../daemon/daemon.ts';
import { packageVersion } from '../../daemon/version.ts';
import { checkBind } from '../../http/bind.ts';
import { createControlApi } from '../../http/control-api.ts';
import { type Connections, openConnections } from '../../inspect/connections.ts';
import { Hub } from '../../inspect/hub.ts';
import { openStatelyInspector } from '../../inspect/stately.ts';
import { describeAddress } from '../../postgres/pool.ts';
import { HandlerBoard } from '../../projector/handler-board.ts';
import type { HandlerOrigin } from '../../projector/handler-origin.ts';
import { publisher } from '../../publisher/publisher.ts';
import { hasColours } from '../colours.ts';
import { type OpenedDatabase, openDatabase } from '../database.ts';
import { diskError } from '../disk-errors.ts';
import { stateFolder } from '../find-client.ts';
import type { StartOptions } from '../verbs/start-verb.ts';
import type { CommandContext, ExitCode } from '../verbs/verb.ts';
import { announceDaemon } from './announce-daemon.ts';
import { createLogger } from './logger.ts';
import { watchMemory } from './memory-limit.ts';
import { watchNpmParent } from './npm-parent.ts';
import { reportProgress } from './progress.ts';
import { appendSample, appendTraffic } from './sample.ts';
import { onShutdown } from './shutdown.ts';
import { watchUncaughtErrors } from './uncaught-errors.ts';
import { startWatchdog } from './watchdog.ts';

type Log = ReturnType<typeof createLogger>;
type Closer = () => Promise<void>;

const GOES_ON = 'the daemon goes on';

/**
 * Starts the database, the daemon and the control API, writes the progress of catching up to stdout, and runs until a
 * signal. Everything opened is closed in reverse order, also when a later part cannot start.
 */
export async function start(options: StartOptions, context: CommandContext): Promise<ExitCode> {
  const file = await loadConfigFile({ path: options.config, cwd: context.cwd });
  const config = readConfig({ flags: options.flags, env: context.env, file: file.settings });
  const withoutEffect = settingsWithoutEffect(context.env);
  checkBind(config.host, config.token);
  if (config.databaseUrl === null && context.env['NODE_ENV'] === 'production') {
    const reason =
      'is not set, and NODE_ENV is production: a private PostgreSQL is for trying things out, so set it to the address of the database';
    throw new EngineError('CONFIG_INVALID', { setting: 'DATABASE_URL', reason });
  }
  const { outputGone, terminal } = context;
  const log = createLogger({
    level: config.logLevel,
    secrets: secretsOf(config),
    colours: hasColours(context.env),
    onLost: (error) => {
      const full = diskError(error, 'the log on stderr', GOES_ON);
      if (full !== null && !outputGone.aborted) terminal.stdout.write(`${full.message}\n`);
    },
  });
  outputGone.addEventListener('abort', () => {
    const full = diskError(outputGone.reason, 'stdout', GOES_ON);
    if (full !== null) log.warn({ reason: full.message }, 'the progress on stdout is lost');
  });
  for (const one of withoutEffect) log.warn(one, 'a setting has no effect');
  log.debug({ config: redactedConfig(config), file: file.file }, 'daemon.config');

  const closers: Closer[] = [];
  const ended = new AbortController();
  const close = async (): Promise<void> => {
    ended.abort(new Error('the daemon is stopping'));
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  return await new Promise<ExitCode>((resolve, reject) => {
    const { shutDown, release } = onShutdown({
      stop: close,
      log,
      exit: (code) => exit(code, resolve),
      source: process,
    });
    const unwatch = watchNpmParent({
      child: process,
      onEnded: () => void shutDown('the npm that started the daemon has ended'),
    });
    closers.push(async () => unwatch());
    run({
      options,
      context,
      config,
      file,
      log,
      closers,
      signal: ended.signal,
      died: (reason) => void shutDown(reason, 1),
    }).catch(async (error: unknown) => {
      if (ended.signal.aborted) return;
      release();
      await close().catch((closing: unknown) => log.error({ err: closing }, 'daemon.stop-failed'));
      reject(error);
    });
  });
}

interface Run {
  readonly options: StartOptions;
  readonly context: CommandContext;
  readonly config: Config;
  readonly file: ConfigFile;
  readonly log: Log;
  /** Each part that was opened adds its own. */
  readonly closers: Closer[];
  readonly signal: AbortSignal;
  /** A part has ended that this process cannot start again. */
  readonly died: (reason: string) => void;
}

async function run({ options, context, config, file, log, closers, signal, died }: Run): Promise<void> {
  const { stdout } = context.terminal;
  const folder = stateFolder(context.cwd);
  const board = new HandlerBoard(file.projections.map(({ name }) => name));
  if (config.watchdogMs > 0) {
    const daemon = config.daemonId ?? `pid ${process.pid}`;
    // Closed last, so that it also ends a process that blocks while the daemon stops.
    closers.push(startWatchdog({ board, afterMs: config.watchdogMs, daemon, log }));
  }
  const database = await openDatabase({ config, folder, log, signal });
  closers.push(database.close);
  database.died?.then(died, () => undefined);
  signal.throwIfAborted();

  const inspector = await openInspector(config);
  closers.push(async () => inspector.close());
  // Before anything is written to the database: a start that finds the port in use has changed nothing.
  const daemon = newDaemon({ config, file, database: { ...database, board }, log, inspect: inspector.observe });
  const token = config.token ?? randomBytes(24).toString('base64url');
  const { host, port, allowedHosts } = config;
  const api = await createControlApi({
    daemon,
    token,
    host,
    port,
    allowedHosts: allowedHosts ?? [],
    version: packageVersion(),
    log,
    ...(inspector.connections === undefined ? {} : { inspectors: inspector.connections }),
  }).listen();
  closers.push(() => api.close());
  signal.throwIfAborted();

  const sampleWanted = options.sample === 'always' || (options.sample === 'if-embedded' && database.embedded);
  if (sampleWanted && file.sample !== null) {
    const appended = await appendSample({ ...database, config, file, sample: file.sample, log, signal });
    if (appended > 0) stdout.write(`sample history of ${appended} events appended\n`);
  }
  closers.push(...watchProcess(daemon, { config, log, died }));
  closers.push(() => daemon.stop());
  await daemon.start();
  signal.throwIfAborted();
  log.info({ database: describeAddress(database.address), control: api.url }, 'daemon.started');
  const own = { url: api.url, token, pid: process.pid, ...(database.embedded && { database: database.address }) };
  closers.push(await announceDaemon(folder, own, { log }));
  signal.throwIfAborted();

  // The token of an operator is not written: `docker logs` or a journal may keep stdout for ever.
  stdout.write(`control ${api.url}/${config.token === null ? `#token=${token}` : ''}\n`);
  if (options.traffic && file.traffic !== null) {
    closers.push(appendTraffic({ ...database, config, traffic: file.traffic, log }));
  }
  await reportProgress({ daemon, stdout, signal });
}

interface Inspector {
  /** For every actor; undefined with INSPECT=off. */
  readonly observe: Observer | undefined;
  /** For the control API. */
  readonly connections: Connections | undefined;
  close(): void;
}

/** Opens what `INSPECT` asks for. @throws EngineError INSPECTOR_MISSING */
async function openInspector({ inspect, inspectUrl }: Pick<Config, 'inspect' | 'inspectUrl'>): Promise<Inspector> {
  if (inspect === 'off') return { observe: undefined, connections: undefined, close: () => undefined };
  const stately = inspect === 'stock' ? await openStatelyInspector(inspectUrl ?? 'ws://localhost:8080') : null;
  const hub = new Hub({ texts: inspect === 'details' });
  const connections = openConnections(hub);
  return {
    observe: (event) => {
      hub.observe(event);
      stately?.observe(event);
    },
    connections,
    close: () => {
      stately?.stop();
      connections.close();
    },
  };
}

/** The checks that may end the process: uncaught errors, and its memory. */
function watchProcess(daemon: Daemon, { config, log, died }: Pick<Run, 'config' | 'log' | 'died'>): readonly Closer[] {
  const halt = (origin: HandlerOrigin, error: unknown) => daemon.halt(origin, error);
  const enders = [watchUncaughtErrors({ source: process, halt, die: died, log })];
  const { maxRssMb: limitMb } = config;
  if (limitMb !== null) {
    let lastProjection: string | null = null;
    enders.push(
      daemon.onTransition(({ name, to }) => {
        if (/working|attempting/.test(to)) lastProjection = name;
      }),
      watchMemory({
        limitMb,
        onExceeded: (foundMb) => {
          log.error({ foundMb, limitMb, projection: lastProjection }, 'daemon.memory-limit');
          died(`it uses ${foundMb} MB, MAX_RSS_MB is ${limitMb}; '${lastProjection}' worked last`);
        },
      }),
    );
  }
  return enders.map((end) => async () => end());
}

interface DaemonParts extends Pick<Run, 'config' | 'file' | 'log'> {
  readonly database: Pick<OpenedDatabase, 'address' | 'databaseError'> & { readonly board: HandlerBoard };
  readonly inspect: Observer | undefined;
}

function newDaemon({ config, file, database, log, ...parts }: DaemonParts): Daemon {
  const { amqpUrl: urls, amqpExchange: exchange } = config;
  const inspect = parts.inspect === undefined ? {} : { inspect: parts.inspect };
  return createDaemon({
    projections: file.projections,
    database: database.address,
    databaseTrouble: database.databaseError,
    board: database.board,
    schema: config.schema,
    extensionSchemas: config.extensionSchemas,
    id: config.daemonId,
    requeueEveryMs: config.requeueEveryMs,
    onFailure: config.failurePolicy,
    retryFailedAfterMs: config.retryFailedAfterMs,
    retries: config.retries,
    maxFailureCount: config.maxFailureCount,
    eventTimeoutMs: config.eventTimeoutMs,
    pageTimeoutMs: config.pageTimeoutMs,
    bulkLimit: config.bulkLimit,
    ...(file.onHalt !== null && { onHalt: file.onHalt }),
    haltWebhookUrl: config.haltWebhookUrl,
    notify: config.listenNotify,
    broker: urls === null ? null : { urls, exchange, controlQueue: config.amqpControlQueue, ...inspect },
    ...(urls !== null && config.publish !== false ? { publisher: publisher({ urls, exchange, ...inspect }) } : {}),
    log,
    ...inspect,
  });
}

/** After stdout is flushed: the reader of a pipe may be slower than this process. */
function exit(code: 0 | 1, resolve: (code: ExitCode) => void): void {
  resolve(code);
  process.stdout.write('', () => process.exit(code));
}
