import { refuse } from './guards.ts';
import { INSPECT_PATH } from './inspect-upgrade.ts';
import { route } from './route.ts';
import type { RouteGroup } from './route-context.ts';

/** The path of the WebSocket for requests that do not upgrade; `inspectUpgrade` answers those that do, before any route. */
export const inspectRoutes: RouteGroup = ({ log }) => [
  route({
    method: 'GET',
    path: INSPECT_PATH,
    summary: 'A WebSocket: every transition of every state machine, in the protocol of @statelyai/inspect',
    description:
      'Text frames of JSON, from the server only: `@xstate.actor`, `@xstate.event`, `@xstate.snapshot`. A new client first gets the running actors and their states. The token is always needed: as a header, as a subprotocol beside `projectionist`, or, from the same machine, in the address.',
    tokenBy: ['token', 'tokenProtocol', 'tokenInAddress'],
    answers: { 101: null },
    problems: ['ORIGIN_REFUSED', 'UPGRADE_NEEDED', 'INSPECTORS_FULL'],
    handle: ({ context }) => refuse(context, log, 'UPGRADE_NEEDED'),
  }),
];
