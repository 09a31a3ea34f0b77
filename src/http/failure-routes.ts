import { orAborted } from '../core/deadline.ts';
import { untilAborted } from '../core/signals.ts';
import { capsuleSchema, failuresSchema, trySchema } from './failure-schemas.ts';
import { remoteOf, sendJson } from './guards.ts';
import { route } from './route.ts';
import { type RouteGroup, withTimeout } from './route-context.ts';

/** Of a daemon that gives up a try by itself after 30 s. */
const TRY_MS = 45_000;

/** Events that could not be applied. Nothing here changes anything. */
export const failureRoutes: RouteGroup = (routeContext) => {
  const { daemon, closing, log } = routeContext;
  const bounded = <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    untilAborted({ signals: [closing], ms: TRY_MS }, (signal) => orAborted(work(signal), signal));
  return [
    route({
      method: 'GET',
      path: '/projections/{name}/failures',
      summary: 'Events of a projection that could not be applied, newest position first',
      answers: { 200: failuresSchema },
      problems: ['PROJECTION_UNKNOWN', 'DAEMON_STOPPED'],
      handle: async ({ context }) =>
        sendJson(context, { failures: await withTimeout(daemon.failures(nameIn(context)), routeContext) }),
    }),
    route({
      method: 'POST',
      path: '/projections/{name}/try',
      summary: 'Run the event a projection stands before, and roll back',
      description:
        'Runs it as the daemon would now, in a transaction that is rolled back, and tells the statements and the rows that changed. What a handler does outside of the database is done.',
      answers: { 200: trySchema },
      problems: ['PROJECTION_UNKNOWN', 'NOTHING_FAILED', 'TRY_GIVEN_UP', 'DAEMON_STOPPED'],
      handle: async ({ context }) => {
        const name = nameIn(context);
        const report = await bounded((signal) => daemon.tryFailed(name, { signal }));
        const { outcome, position } = report;
        log.info({ projection: name, position, outcome, remote: remoteOf(context) }, 'failure.tried');
        return sendJson(context, report);
      },
    }),
    route({
      method: 'GET',
      path: '/projections/{name}/capsule',
      summary: 'Everything a test needs to make the event fail again',
      description: 'Holds payloads and rows, so it needs the token on loopback too. Made by a try of the event.',
      needsToken: true,
      answers: { 200: capsuleSchema },
      problems: ['PROJECTION_UNKNOWN', 'NOTHING_FAILED', 'TRY_GIVEN_UP', 'DAEMON_STOPPED'],
      handle: async ({ context }) => {
        return sendJson(context, await bounded((signal) => daemon.capsule(nameIn(context), { signal })));
      },
    }),
  ];
};

function nameIn(context: { readonly req: { param(name: string): string | undefined } }): string {
  return context.req.param('name') ?? '';
}
