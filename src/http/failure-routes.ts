import { orAborted } from '../core/deadline.ts';
import { capsuleSchema, failuresSchema, trySchema } from './failure-schemas.ts';
import { remoteOf, sendJson } from './guards.ts';
import { route } from './route.ts';
import { answered, type RouteGroup } from './tools.ts';

/** Of a daemon that gives up a try by itself after 30 s. */
const TRY_MS = 45_000;

/** Events that could not be applied. Nothing here changes anything. */
export const failureRoutes: RouteGroup = (tools) => {
  const { daemon, closing, log } = tools;
  const bounded = () => AbortSignal.any([closing, AbortSignal.timeout(TRY_MS)]);
  return [
    route({
      method: 'GET',
      path: '/projections/:name/failures',
      summary: 'Events of a projection that could not be applied, newest position first',
      answers: { 200: failuresSchema },
      problems: ['PROJECTION_UNKNOWN', 'DAEMON_STOPPED'],
      handle: async ({ context }) =>
        sendJson(context, { failures: await answered(daemon.failures(nameIn(context)), tools) }),
    }),
    route({
      method: 'POST',
      path: '/projections/:name/try',
      summary: 'Run the event a projection stands before, and roll back',
      description:
        'Runs it as the daemon would now, in a transaction that is rolled back, and tells the statements and the rows that changed. What a handler does outside of the database is done.',
      answers: { 200: trySchema },
      problems: ['PROJECTION_UNKNOWN', 'NOTHING_FAILED', 'TRY_GIVEN_UP', 'DAEMON_STOPPED'],
      handle: async ({ context }) => {
        const name = nameIn(context);
        const signal = bounded();
        const report = await orAborted(daemon.tryFailed(name, { signal }), signal);
        const { outcome, position } = report;
        log.info({ projection: name, position, outcome, remote: remoteOf(context) }, 'failure.tried');
        return sendJson(context, report);
      },
    }),
    route({
      method: 'GET',
      path: '/projections/:name/capsule',
      summary: 'Everything a test needs to make the event fail again',
      description: 'Holds payloads and rows, so it needs the token on loopback too. Made by a try of the event.',
      needsToken: true,
      answers: { 200: capsuleSchema },
      problems: ['PROJECTION_UNKNOWN', 'NOTHING_FAILED', 'TRY_GIVEN_UP', 'DAEMON_STOPPED'],
      handle: async ({ context }) => {
        const signal = bounded();
        return sendJson(context, await orAborted(daemon.capsule(nameIn(context), { signal }), signal));
      },
    }),
  ];
};

function nameIn(context: { readonly req: { param(name: string): string | undefined } }): string {
  return context.req.param('name') ?? '';
}
