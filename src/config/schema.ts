import { z } from 'zod';
import { DEFAULT_POLICY, FAILURE_POLICIES } from '../core/failure-policy.ts';
import { brokerNameProblem, brokerUrlProblem, databaseUrlProblem, schemaProblem, webhookProblem } from './problems.ts';

/** The longest time a Node timer can wait; a longer one fires at once. */
const MAX_TIMER_MS = 2_147_483_647;

const INSPECT_MODES = ['on', 'off', 'details', 'stock'] as const;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Every setting, once: its type, its default, what it means. Reading, the flags of `start` and the printed reference all
 * come from here. Texts are accepted everywhere, since environment and flags have nothing else.
 */
export const settingsSchema = z.strictObject({
  databaseUrl: z
    .string()
    .superRefine(refuse(databaseUrlProblem))
    .nullable()
    .default(null)
    .describe(
      'PostgreSQL, `postgres://user:password@host:port/database`. Not set: a private one; refused in production.',
    ),
  schema: z
    .string()
    .superRefine(refuse(schemaProblem))
    .default('public')
    .describe('Schema that holds the tables of the engine and of the projections.'),
  extensionSchemas: z
    .union([z.string(), z.array(z.string())])
    .transform(schemaNames)
    .default([])
    .describe('Further schemas, comma-separated, whose types and functions (citext) are found without their schema.'),
  amqpUrl: z
    .string()
    .transform(brokerUrls)
    .nullable()
    .default(null)
    .describe(
      'RabbitMQ, `amqp://user:password@host:port/vhost`; several of a cluster, comma-separated. Not set: none.',
    ),
  amqpExchange: z
    .string()
    .superRefine(refuse(brokerNameProblem))
    .default('domain.events')
    .describe('Topic exchange that events are pushed through; declared durable if it is not there.'),
  amqpControlQueue: z
    .string()
    .superRefine(refuse(brokerNameProblem))
    .nullable()
    .default(null)
    .describe('Durable queue whose messages may reset projections (`Readview.Reset`). Not set: none.'),
  publish: onOrOff()
    .nullable()
    .default(null)
    .describe('`on` or `off`: relay every event to the exchange. Not set: on where AMQP_URL is set.'),
  host: z
    .string()
    .transform((text) => text.replace(/^\[(.*)\]$/, '$1'))
    .superRefine(
      refuse((text) =>
        /^[\w.:%-]{1,253}$/.test(text) ? null : 'is not a host name or address (give the port as PORT)',
      ),
    )
    .default('127.0.0.1')
    .describe('Address the control API listens on. Beyond loopback it needs PROJECTIONIST_TOKEN.'),
  port: wholeNumber(0, 65_535).default(4400).describe('Port of the control API; 0 picks a free one.'),
  allowedHosts: z
    .string()
    .transform(hostNames)
    .nullable()
    .default(null)
    .describe('Host names, comma-separated, that the API answers to as well. Reading then needs the token too.'),
  token: z
    .string()
    .superRefine(refuse((text) => (/^[\x21-\x7e]+$/.test(text) ? null : 'must be printable ASCII without spaces')))
    .nullable()
    .default(null)
    .describe('What callers must send as `Authorization: Bearer …`. Not set: a random one for each start.'),
  inspect: z
    .enum(INSPECT_MODES, { error: `is not one of ${INSPECT_MODES.join(', ')}` })
    .default('on')
    .describe('`on`, `off`, `details` (also texts, which can hold payload) or `stock`: docs/inspector.md.'),
  inspectUrl: z
    .string()
    .superRefine(refuse((text) => (/^wss?:\/\//.test(text) && URL.canParse(text) ? null : 'is no ws:// address')))
    .nullable()
    .default(null)
    .describe('Where `INSPECT=stock` sends: a server of `@statelyai/inspect`. Not set: ws://localhost:8080.'),
  logLevel: z
    .enum(LOG_LEVELS, { error: `is not one of ${LOG_LEVELS.join(', ')}` })
    .default('info')
    .describe('Least level that is logged.'),
  requeueEveryMs: wholeNumber(1, MAX_TIMER_MS)
    .default(60_000)
    .describe('Milliseconds between two visits to a projection that nothing has woken.'),
  failurePolicy: z
    .enum(FAILURE_POLICIES, { error: `is not one of ${FAILURE_POLICIES.join(', ')}` })
    .default(DEFAULT_POLICY.onFailure)
    .describe('`halt`: a projection stops before an event that fails. `skip`: it passes over it, on the record.'),
  retryFailedAfterMs: wholeNumber(0, MAX_TIMER_MS)
    .default(DEFAULT_POLICY.retryFailedAfterMs)
    .describe('Milliseconds between two attempts at an event that failed.'),
  retries: wholeNumber(0, 1_000_000)
    .default(DEFAULT_POLICY.retries)
    .describe('`halt`: attempts at a failing event after the first, before the projection halts.'),
  maxFailureCount: wholeNumber(0, 1_000_000)
    .default(DEFAULT_POLICY.maxFailureCount)
    .describe('`skip`: the attempt at which a failing event is passed over; 0 and 1: the first.'),
  eventTimeoutMs: wholeNumber(1, MAX_TIMER_MS)
    .default(DEFAULT_POLICY.eventTimeoutMs)
    .describe('Milliseconds the async handler of one event may take; then the event has failed.'),
  pageTimeoutMs: wholeNumber(1, MAX_TIMER_MS)
    .default(DEFAULT_POLICY.pageTimeoutMs)
    .describe('Milliseconds one transaction that applies events may take; then fewer events are tried at once.'),
  bulkLimit: wholeNumber(1, 1_000_000)
    .nullable()
    .default(null)
    .describe('Events in one page at most. Not set: adapts, starting at 200.'),
  watchdogMs: wholeNumber(0, MAX_TIMER_MS)
    .default(30_000)
    .describe('Milliseconds that a handler may block the event loop before the process is ended; 0 never ends it.'),
  haltWebhookUrl: z
    .string()
    .superRefine(refuse(webhookProblem))
    .nullable()
    .default(null)
    .describe('Where each halt of a projection is posted as JSON, `https://…`. Not set: nowhere.'),
  maxRssMb: wholeNumber(100, 1_000_000)
    .nullable()
    .default(null)
    .describe(
      'Megabytes of memory (RSS) at which the daemon drains and exits with 1, to be started anew. Not set: none.',
    ),
  daemonId: z
    .string()
    .superRefine(
      refuse((text) =>
        /^[\x21-\x7e]{1,200}$/.test(text) ? null : 'must be 1 to 200 printable ASCII characters without spaces',
      ),
    )
    .nullable()
    .default(null)
    .describe('Name of this daemon in status and logs. Not set: host and process id.'),
  listenNotify: onOrOff()
    .default(true)
    .describe('`on` or `off`: wake by LISTEN/NOTIFY. Off where transactions get PREPAREd.'),
});

export type SettingName = keyof z.output<typeof settingsSchema>;

export interface SettingSource {
  /** Its name in the environment, and in messages. */
  readonly env: string;
  /** False for secrets: anybody on the machine can read the arguments of a process. */
  readonly flag: boolean;
  readonly secret: boolean;
}

export const SETTING_SOURCES: Readonly<Record<SettingName, SettingSource>> = {
  databaseUrl: { env: 'DATABASE_URL', flag: false, secret: true },
  schema: { env: 'SCHEMA', flag: true, secret: false },
  extensionSchemas: { env: 'EXTENSION_SCHEMAS', flag: true, secret: false },
  amqpUrl: { env: 'AMQP_URL', flag: false, secret: true },
  amqpExchange: { env: 'AMQP_EXCHANGE', flag: true, secret: false },
  amqpControlQueue: { env: 'AMQP_CONTROL_QUEUE', flag: true, secret: false },
  publish: { env: 'PUBLISH', flag: true, secret: false },
  host: { env: 'HOST', flag: true, secret: false },
  port: { env: 'PORT', flag: true, secret: false },
  allowedHosts: { env: 'ALLOWED_HOSTS', flag: true, secret: false },
  token: { env: 'PROJECTIONIST_TOKEN', flag: false, secret: true },
  inspect: { env: 'INSPECT', flag: true, secret: false },
  inspectUrl: { env: 'INSPECT_URL', flag: true, secret: false },
  logLevel: { env: 'LOG_LEVEL', flag: true, secret: false },
  requeueEveryMs: { env: 'REQUEUE_EVERY_MS', flag: true, secret: false },
  failurePolicy: { env: 'FAILURE_POLICY', flag: true, secret: false },
  retryFailedAfterMs: { env: 'RETRY_FAILED_AFTER_MS', flag: true, secret: false },
  retries: { env: 'RETRIES', flag: true, secret: false },
  maxFailureCount: { env: 'MAX_FAILURE_COUNT', flag: true, secret: false },
  eventTimeoutMs: { env: 'EVENT_TIMEOUT_MS', flag: true, secret: false },
  pageTimeoutMs: { env: 'PAGE_TIMEOUT_MS', flag: true, secret: false },
  bulkLimit: { env: 'BULK_LIMIT', flag: true, secret: false },
  watchdogMs: { env: 'WATCHDOG_MS', flag: true, secret: false },
  haltWebhookUrl: { env: 'HALT_WEBHOOK_URL', flag: false, secret: true },
  maxRssMb: { env: 'MAX_RSS_MB', flag: true, secret: false },
  daemonId: { env: 'DAEMON_ID', flag: true, secret: false },
  listenNotify: { env: 'LISTEN_NOTIFY', flag: true, secret: false },
};

export const SETTING_NAMES: readonly SettingName[] = settingsSchema.keyof().options;

/** `requeueEveryMs` is `--requeue-every-ms`. */
export function flagOf(name: SettingName): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function wholeNumber(min: number, max: number) {
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const number =
      typeof value === 'number' ? value : /^[+-]?\d{1,15}$/.test(value.trim()) ? Number(value) : Number.NaN;
    if (Number.isSafeInteger(number) && number >= min && number <= max) return number;
    context.issues.push({
      code: 'custom',
      input: value,
      message: `${shown(value)} is not a whole number from ${min} to ${max}`,
    });
    return z.NEVER;
  });
}

function onOrOff() {
  const meanings: ReadonlyMap<string, boolean> = new Map([
    ['on', true],
    ['true', true],
    ['1', true],
    ['off', false],
    ['false', false],
    ['0', false],
  ]);
  return z.union([z.boolean(), z.string()]).transform((value, context) => {
    const meaning = meanings.get(String(value).toLowerCase());
    if (meaning !== undefined) return meaning;
    context.issues.push({ code: 'custom', input: value, message: `${shown(value)} is neither on nor off` });
    return z.NEVER;
  });
}

function schemaNames(given: string | readonly string[], context: z.RefinementCtx<string | readonly string[]>) {
  const names = (typeof given === 'string' ? given.split(',') : given).map((name) => name.trim());
  const problem = names.map(schemaProblem).find((found) => found !== null);
  if (problem === undefined) return names;
  context.issues.push({ code: 'custom', input: given, message: problem });
  return z.NEVER;
}

/** Compared with the name in a request's Host, without its port; a pattern would let in names that others own. */
function hostNames(text: string, context: z.RefinementCtx<string>): readonly string[] {
  const names = text.split(',').map((name) => name.trim().toLowerCase());
  const wrong = names.find((name) => !/^[a-z0-9]([\w.-]{0,251}[a-z0-9])?$/.test(name));
  if (wrong === undefined) return names;
  context.issues.push({
    code: 'custom',
    input: text,
    message: `${shown(wrong)} is not a host name (names only, comma-separated: no port, no *)`,
  });
  return z.NEVER;
}

/** Never repeats the value: it may be a password that stands in the wrong place. */
function refuse(problem: (text: string) => string | null) {
  return (text: string, context: z.RefinementCtx<string>): void => {
    const message = problem(text);
    if (message !== null) context.addIssue({ code: 'custom', message });
  };
}

/** In a password a comma is written %2C. */
function brokerUrls(text: string, context: z.RefinementCtx<string>): readonly string[] {
  const urls = text.split(',').map((url) => url.trim());
  const problem = urls.map(brokerUrlProblem).find((found) => found !== null);
  if (problem === undefined) return urls;
  context.issues.push({ code: 'custom', input: text, message: problem });
  return z.NEVER;
}

function shown(value: unknown): string {
  return `'${String(value).slice(0, 40)}'`;
}
