import { refuse } from './guards.ts';
import { INSPECT_PATH } from './inspect-upgrade.ts';
import { route } from './route.ts';
import type { RouteGroup } from './route-context.ts';

/** The WebSocket as the other routes see it: who upgrades is answered by `inspectUpgrade`, before any of them. */
export const inspectRoutes: RouteGroup = ({ log }) => [
  route({
    method: 'GET',
    path: INSPECT_PATH,
    summary: 'A WebSocket: every state machine as it moves, in the protocol of @statelyai/inspect',
    description:
      'Text frames of JSON, from the server only: `@xstate.actor`, `@xstate.event`, `@xstate.snapshot`. Who comes late is told first what lives and how it stands. The token is always needed: as a header, as a subprotocol beside `projectionist`, or, from the same machine, in the address.',
    tokenBy: ['token', 'tokenProtocol', 'tokenInAddress'],
    answers: { 101: null },
    problems: ['ORIGIN_REFUSED', 'UPGRADE_NEEDED', 'INSPECTORS_FULL'],
    handle: ({ context }) => refuse(context, log, 'UPGRADE_NEEDED'),
  }),
];
