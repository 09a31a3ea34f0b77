// Generated fleets in states that a real daemon reaches too slowly, for screenshots and for work on the page. The control
// API that serves them is the real one.
import { createControlApi } from '../../dist/src/http/control-api.js';

const NAMES = [
  'band',
  'dancehall',
  'event',
  'userpreferences',
  'invoice',
  'stock',
  'shipment',
  'price',
  'customer',
  'audit',
];
const HEAD = 20_000;

export const FAILURE = {
  eventId: '6f1c7a52-2b5e-4a7e-9d1a-0c4b8f6f2a11',
  position: '18742',
  eventName: 'BandCreated',
  attempts: 6,
  error: 'null value in column "name" of relation "band" violates not-null constraint',
  sqlstate: '23502',
  code: null,
  statement: 'INSERT INTO "band" ("id", "name", "created") VALUES ($1, $2, $3) ON CONFLICT ("name") DO UPDATE SET …',
  at: new Date(Date.now() - 95_000).toISOString(),
};

export function live(name, changes = {}) {
  return {
    name,
    instance: '',
    state: 'live',
    substate: 'live.waiting',
    detail: null,
    cursor: String(HEAD),
    head: String(HEAD),
    position: Math.floor(Date.now() / 1000) - 4,
    lagEvents: 0,
    lagSeconds: 0,
    behindSeconds: 0,
    ratePerSecond: 0,
    etaSeconds: null,
    generation: 1,
    owner: 'web-1:4711',
    failure: null,
    skippedEvents: 0,
    tables: [name],
    ...changes,
  };
}

export function failed(name) {
  const behind = {
    cursor: '18741',
    lagEvents: HEAD - 18_741,
    lagSeconds: 7_260,
    behindSeconds: 7_251,
    position: 1_761_619_162,
  };
  return live(name, { state: 'failed', substate: 'failed.halted', failure: FAILURE, ...behind });
}

export function catchingUp(name, cursor = 7_412, rate = 12_350) {
  const lagEvents = HEAD - cursor;
  const figures = {
    lagEvents,
    lagSeconds: 96_400,
    behindSeconds: 41,
    ratePerSecond: rate,
    etaSeconds: Math.ceil(lagEvents / rate),
  };
  return live(name, {
    state: 'catching-up',
    substate: 'catching-up.working',
    cursor: String(cursor),
    generation: 3,
    ...figures,
  });
}

export function paused(name) {
  const behind = { cursor: String(HEAD - 431), lagEvents: 431, lagSeconds: 312, behindSeconds: 340 };
  return live(name, { state: 'idle', substate: 'idle.paused', detail: 'paused by an operator', ...behind });
}

export function resetting(name) {
  const behind = { cursor: '0', lagEvents: HEAD, lagSeconds: null, behindSeconds: 1, position: 0 };
  return live(name, { state: 'resetting', substate: 'resetting', generation: 2, ...behind });
}

/** `count` projections, most of them live. */
export function many(number) {
  return Array.from({ length: number }, (_, at) => {
    const name = `${NAMES[at % NAMES.length]}_${Math.floor(at / NAMES.length) + 1}`;
    if (at % 67 === 40) return failed(name);
    if (at % 29 === 7) return catchingUp(name, 900 * (at % 20), 3_000 + 37 * at);
    if (at === 3) return paused(name);
    if (at === 11) return resetting(name);
    return live(name, at % 5 === 0 ? { ratePerSecond: 3.2 } : {});
  });
}

const LONG = 'customer_invoices_with_open_reminders_per_region_and_salesperson';

/** The states of one projection that its page can show. */
export const FLEETS = {
  failed: [failed('band'), live('dancehall'), live('event'), live('userpreferences')],
  paused: [paused('band'), live('dancehall')],
  resetting: [resetting('band'), live('dancehall')],
  long: [
    live(LONG, {
      ...failed(LONG),
      owner: 'projectionist-7d9c6bf5d4-x2x9q.production.svc.cluster.example:4711',
      detail: 'halted: the event failed six times',
      tables: Array.from({ length: 9 }, (_, at) => `${LONG}_${at + 1}`),
      failure: {
        ...FAILURE,
        eventName: 'com.example.sales.invoicing.reminders.CustomerInvoiceReminderHasBeenSentToTheCustomer',
        error: `invalid input syntax for type json: Token "${'x'.repeat(180)}" is invalid.\nDETAIL: ${'It was read from a column that an import had filled by hand. '.repeat(5)}`,
      },
    }),
    catchingUp(`${LONG}_by_month`),
    live('short'),
  ],
  /** @returns the status of a fleet in which one projection advances at each request */
  catchingUp() {
    let asked = 0;
    return async () => {
      asked += 1;
      const rate = 130 + Math.round(60 * Math.sin(asked / 6)) + (asked % 7) * 5;
      return [catchingUp('band', Math.min(HEAD - 1, 3_000 + 140 * asked), rate), live('dancehall'), live('event')];
    };
  },
};

export const BROKER_AWAY = { state: 'polling-only', detail: 'cannot use RabbitMQ at localhost:5672: ECONNREFUSED' };
export const PUBLISHER = {
  state: 'backing-off',
  detail: 'the broker does not answer',
  cursor: '19210',
  head: String(HEAD),
  lagEvents: 790,
  ratePerSecond: 0,
  unconfirmed: 0,
  owner: 'web-1:4711',
};

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
const step = (number, seconds, from, to, cause, detail = null) => ({
  number: String(number),
  name: 'band',
  from,
  to,
  cause,
  detail,
  position: '18741',
  daemon: 'web-1:4711',
  at: ago(seconds),
});
export const HISTORY = [
  step(9, 95, 'failed.attempting', 'failed.halted', 'xstate.done.actor.x', FAILURE.error),
  step(8, 96, 'failed.backing-off', 'failed.attempting', 'xstate.after.1600.x'),
  step(7, 98, 'live.working', 'failed.backing-off', 'xstate.done.actor.x', FAILURE.error),
  step(6, 4_020, 'catching-up.working', 'live.waiting', 'xstate.done.actor.x'),
  step(5, 4_021, 'resetting', 'catching-up.working', 'xstate.done.actor.x'),
  step(4, 4_022, 'live.waiting', 'resetting', 'RESET', 'by http 127.0.0.1'),
  step(3, 200_000, 'idle.opening', 'live.waiting', 'xstate.done.actor.x'),
];
export const PASSED = [
  {
    ...FAILURE,
    name: 'band',
    position: '9310',
    code: null,
    firstAt: ago(90_000),
    lastAt: ago(90_000),
    skipped: { at: ago(86_000), by: 'http 127.0.0.1', reason: 'a test event appended by hand' },
  },
];

const PAYLOAD = '{"name": null, "origin": {"country": "Sweden", "region": "Dalarna"}, "members": 5, "active": true}';
export const CAPSULE = { event: { payload: PAYLOAD } };
const TRIED = {
  name: 'band',
  position: FAILURE.position,
  eventId: FAILURE.eventId,
  eventName: FAILURE.eventName,
  payload: PAYLOAD,
  error: null,
  code: null,
  sqlstate: null,
  moreStatements: 0,
  changes: [],
  moreChanges: 0,
};
const INSERT =
  'INSERT INTO "band" ("id", "name", "created") VALUES ($1, $2, $3) ON CONFLICT ("name") DO UPDATE SET "id" = EXCLUDED."id"';
export const FAILED_TRY = {
  ...TRIED,
  outcome: 'failed',
  error: FAILURE.error,
  sqlstate: FAILURE.sqlstate,
  statements: [{ text: INSERT, values: [`'${FAILURE.eventId}'`, null, "'2025-10-28 04:45:00+00'"] }],
};
export const GOOD_TRY = {
  ...TRIED,
  outcome: 'applied',
  statements: [
    { text: INSERT, values: [`'${FAILURE.eventId}'`, "'Larz-Kristerz'", "'2025-10-28 04:45:00+00'"] },
    { text: 'DELETE FROM "band" WHERE "id" = $1', values: ["'2'"] },
  ],
  moreStatements: 3,
  changes: [
    { table: 'band', before: { id: '1', name: 'Larz' }, after: { id: '1', name: 'Larz-Kristerz' } },
    { table: 'band', before: null, after: { id: '7', name: 'Vikingarna', origin: null, created: '2025-10-28' } },
    { table: 'band', before: { id: '2', name: 'Flamingokvintetten', origin: 'Göteborg' }, after: null },
  ],
  moreChanges: 12,
};

/** Serves a fleet as a daemon does. @returns the address with the token, and a function that ends the server */
export async function serve({ projections = [], broker = null, publisher = null, more = {} }) {
  const daemon = {
    id: 'web-1:4711',
    names: ['band', ...projections.map(({ name }) => name)],
    status: async () => projections,
    publisher: async () => publisher,
    broker: () => broker,
    healthy: () => true,
    transitions: async () => [],
    submit: async () => ({ id: '6f1c7a52-2b5e-4a7e-9d1a-0c4b8f6f2a11' }),
    outcome: async () => ({ kind: 'done', state: 'catching-up' }),
    onTransition: () => () => undefined,
    ...more,
  };
  const log = { info() {}, warn() {}, error() {} };
  const api = createControlApi({ daemon, token: 'invented', host: '127.0.0.1', port: 0, version: '0.1.0', log });
  const server = await api.listen();
  return { url: `${server.url}/#token=invented`, base: server.url, close: () => server.close(0) };
}
