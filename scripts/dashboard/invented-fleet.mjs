// Fleets that no test would have time to run into: for screenshots and for looking at the page while working on it. The
// control API in front of them is the real one.
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
    ratePerSecond: 0,
    etaSeconds: null,
    generation: 1,
    owner: 'web-1:4711',
    failure: null,
    tables: [name],
    ...changes,
  };
}

export function failed(name) {
  const behind = { cursor: '18741', lagEvents: HEAD - 18_741, lagSeconds: 7_260, position: 1_761_619_162 };
  return live(name, { state: 'failed', substate: 'failed.halted', failure: FAILURE, ...behind });
}

export function catchingUp(name, cursor = 7_412, rate = 12_350) {
  const lagEvents = HEAD - cursor;
  const figures = { lagEvents, lagSeconds: 96_400, ratePerSecond: rate, etaSeconds: Math.ceil(lagEvents / rate) };
  return live(name, {
    state: 'catching-up',
    substate: 'catching-up.working',
    cursor: String(cursor),
    generation: 3,
    ...figures,
  });
}

/** So many projections, most of them well. */
export function many(number) {
  return Array.from({ length: number }, (_, at) => {
    const name = `${NAMES[at % NAMES.length]}_${Math.floor(at / NAMES.length) + 1}`;
    if (at % 67 === 40) return failed(name);
    if (at % 29 === 7) return catchingUp(name, 900 * (at % 20), 3_000 + 37 * at);
    if (at === 3)
      return live(name, {
        state: 'idle',
        substate: 'idle.paused',
        detail: 'paused by an operator',
        lagEvents: 431,
        lagSeconds: 312,
        cursor: String(HEAD - 431),
      });
    if (at === 11)
      return live(name, {
        state: 'resetting',
        substate: 'resetting',
        cursor: '0',
        lagEvents: HEAD,
        lagSeconds: null,
        position: 0,
      });
    return live(name, at % 5 === 0 ? { ratePerSecond: 3.2 } : {});
  });
}

/** Serves them as a daemon would. @returns address, with the token, and how to end it */
export async function serve({ projections, broker = null, publisher = null, more = {} }) {
  const daemon = {
    id: 'web-1:4711',
    names: projections.map(({ name }) => name),
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
