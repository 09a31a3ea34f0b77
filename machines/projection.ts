import { systemClock } from '../src/core/clock.ts';
import { NOTHING_WANTED, projectionParts } from './projection-parts.ts';
import {
  afterError,
  afterRun,
  databaseError,
  done,
  failed,
  haltedAtStart,
  run,
  stopOrResetFirst,
  stored,
  untilBack,
  wantedFirst,
  whileCommitting,
  whileFailed,
  whileWaiting,
  whileWorking,
} from './projection-transitions.ts';

/**
 * One projection. Five top-level states, each with its substates:
 *
 *   idle         not running here      stopped · opening · standby · pausing · paused · resuming
 *   catching-up  runs to the high-water mark   working · waiting · backing-off
 *   live         runs when woken   waiting · working · backing-off
 *   failed       stopped before an event that cannot be applied   retrying · attempting · backing-off · skipping · halted
 *   resetting    the reset's transaction runs
 *
 * One operation at a time: XState aborts an invoked promise when its state is left, but does not wait for it, so two
 * could run at once. Here a state with an operation is left only when the operation has settled. STOP, RESET and PAUSE
 * are noted (`wanted`), the operation is aborted, and the transition after it has settled heeds what is noted.
 */
export const projectionMachine = projectionParts.createMachine({
  id: 'projection',
  context: ({ input }) => ({
    ...input,
    random: input.random ?? systemClock.random,
    wanted: NOTHING_WANTED,
    command: null,
    woken: false,
    starting: false,
    operation: new AbortController(),
    backoffs: 0,
    detail: null,
  }),
  initial: 'idle',
  states: {
    idle: {
      initial: 'stopped',
      states: {
        stopped: {
          entry: 'nothingWanted',
          on: { START: { target: 'opening', actions: 'noteStart' } },
        },
        opening: {
          entry: 'beginOperation',
          on: whileWorking,
          invoke: {
            src: 'open',
            input: ({ context }) => context,
            onDone: [
              // A command replaces the attempt that the start of a process makes, also when the command fails.
              ...wantedFirst.map((transition) => ({ ...transition, actions: 'started' }) as const),
              { guard: stored('paused'), target: 'paused', actions: 'started' },
              { guard: haltedAtStart, target: '#projection.failed.attempting', actions: 'started' },
              {
                guard: stored('halted'),
                target: '#projection.failed.halted',
                actions: ['started', { type: 'noteDetail', params: ({ event }) => ({ detail: event.output.detail }) }],
              },
              { target: '#projection.catching-up', actions: 'started' },
            ],
            onError: [
              ...wantedFirst.map((transition) => ({ ...transition, actions: 'started' }) as const),
              { target: 'standby', actions: databaseError },
            ],
          },
        },
        standby: {
          on: { ...whileWaiting, ...untilBack('#projection.idle.standby') },
          after: { standby: 'opening' },
        },
        pausing: {
          entry: 'beginOperation',
          on: whileWorking,
          invoke: {
            src: 'setPaused',
            input: ({ context }) => ({ context, paused: true }),
            onDone: [
              ...stopOrResetFirst.map((transition) => ({ ...transition, actions: done('PAUSE') }) as const),
              { target: 'paused', actions: done('PAUSE') },
            ],
            onError: [
              ...stopOrResetFirst.map((transition) => ({ ...transition, actions: failed('PAUSE') }) as const),
              { target: 'standby', actions: [databaseError, failed('PAUSE')] },
            ],
          },
          // Also a PAUSE noted meanwhile: this operation was its answer, and after a RESUME it would pause again.
          exit: 'noPauseWanted',
        },
        paused: {
          entry: { type: 'noteDetail', params: { detail: 'paused by an operator' } },
          on: {
            STOP: 'stopped',
            RESET: { target: '#projection.resetting', actions: 'noteCommand' },
            RESUME: { target: 'resuming', actions: 'noteCommand' },
            REOPEN: 'opening',
          },
        },
        resuming: {
          entry: 'beginOperation',
          on: whileWorking,
          invoke: {
            src: 'setPaused',
            input: ({ context }) => ({ context, paused: false }),
            onDone: [
              ...wantedFirst.map((transition) => ({ ...transition, actions: done('RESUME') }) as const),
              // It was halted before it was paused.
              {
                guard: stored('halted'),
                target: '#projection.failed.halted',
                actions: [{ type: 'noteDetail', params: { detail: null } }, done('RESUME')],
              },
              { target: '#projection.catching-up', actions: ['goingWell', done('RESUME')] },
            ],
            onError: [
              ...wantedFirst.map((transition) => ({ ...transition, actions: failed('RESUME') }) as const),
              { target: 'paused', actions: failed('RESUME') },
            ],
          },
        },
      },
    },
    'catching-up': {
      initial: 'working',
      states: {
        working: {
          entry: 'beginOperation',
          on: whileWorking,
          invoke: {
            ...run('catch-up'),
            onDone: afterRun('#projection.catching-up.waiting'),
            onError: afterError('#projection.catching-up.backing-off'),
          },
        },
        waiting: { on: whileWaiting, after: { retryLookup: 'working' } },
        'backing-off': {
          on: { ...whileWaiting, ...untilBack('#projection.catching-up.backing-off') },
          after: { backoff: 'working' },
        },
      },
    },
    live: {
      initial: 'waiting',
      states: {
        waiting: { on: { ...whileWaiting, WAKE: 'working' } },
        working: {
          entry: 'beginOperation',
          on: whileWorking,
          invoke: {
            ...run('live'),
            onDone: afterRun('#projection.catching-up.waiting'),
            onError: afterError('#projection.live.backing-off'),
          },
        },
        'backing-off': {
          on: { ...whileWaiting, ...untilBack('#projection.live.backing-off') },
          after: { backoff: 'working' },
        },
      },
    },
    failed: {
      initial: 'retrying',
      states: {
        retrying: {
          on: { ...whileWaiting, ...whileFailed },
          after: { retryFailedAfter: 'attempting' },
        },
        attempting: {
          entry: 'beginOperation',
          on: whileWorking,
          invoke: {
            ...run('attempt'),
            onDone: afterRun('#projection.failed.retrying'),
            onError: afterError('#projection.failed.backing-off'),
          },
          exit: done('RETRY'),
        },
        'backing-off': {
          on: {
            ...whileWaiting,
            ...untilBack('#projection.failed.backing-off'),
            ...whileFailed,
          },
          after: { backoff: 'attempting' },
        },
        halted: { on: { ...whileWaiting, ...whileFailed } },
        skipping: {
          entry: 'beginOperation',
          on: whileCommitting,
          invoke: {
            src: 'skip',
            input: ({ context }) => context,
            onDone: [
              ...wantedFirst.map((transition) => ({ ...transition, actions: done('SKIP') }) as const),
              { target: '#projection.catching-up', actions: ['goingWell', done('SKIP')] },
            ],
            onError: [
              ...wantedFirst.map((transition) => ({ ...transition, actions: failed('SKIP') }) as const),
              // Refused, perhaps because its position has changed since: the row has the answer.
              { target: '#projection.idle.opening', actions: failed('SKIP') },
            ],
          },
        },
      },
    },
    resetting: {
      entry: ['beginOperation', 'noResetWanted'],
      on: whileCommitting,
      invoke: {
        src: 'reset',
        input: ({ context }) => context,
        onDone: [
          ...wantedFirst.map(
            (transition) => ({ ...transition, reenter: true, actions: ['goingWell', done('RESET')] }) as const,
          ),
          {
            guard: stored('paused'),
            target: 'idle.paused',
            actions: ['goingWell', done('RESET')],
          },
          { target: 'catching-up', actions: ['goingWell', done('RESET')] },
        ],
        onError: [
          { guard: 'wantsStop', target: 'idle.stopped', actions: failed('RESET') },
          { target: 'idle.opening', actions: failed('RESET') },
        ],
      },
    },
  },
});
