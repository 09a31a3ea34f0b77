import type { CommandEvent } from '../src/core/operator-commands/command-definition.ts';
import type { RunMode, RunOutcome } from '../src/core/port.ts';
import type { StoredStatus } from '../src/core/status.ts';
import type { ProjectionContext } from './projection-parts.ts';

/** `detail` from when a run found the row locked until a run succeeds. */
export const LOCKED_BY_OTHER = 'another daemon works on it';

/** While an operation runs: note the request and abort the operation. */
export const whileWorking = {
  STOP: { actions: ['wantStop', 'endOperation'] },
  RESET: { actions: ['wantReset', 'noteCommand', 'endOperation'] },
  PAUSE: { actions: ['wantPause', 'noteCommand', 'endOperation'] },
  WAKE: { actions: 'noteWake' },
  // The operation reads the row itself; if it has done so already, the wake makes it run again.
  REOPEN: { actions: 'noteWake' },
} as const;

/** While a short transaction runs whose outcome must be known: it is not aborted. */
export const whileCommitting = {
  STOP: { actions: 'wantStop' },
  RESET: { actions: ['wantReset', 'noteCommand'] },
  PAUSE: { actions: ['wantPause', 'noteCommand'] },
} as const;

/** Before an event that failed: try it again, or skip it. */
export const whileFailed = {
  RETRY: { target: '#projection.failed.attempting', actions: 'noteCommand' },
  SKIP: { target: '#projection.failed.skipping', actions: 'noteCommand' },
} as const;

/** While no operation runs: do it now. */
export const whileWaiting = {
  STOP: '#projection.idle.stopped',
  RESET: { target: '#projection.resetting', actions: 'noteCommand' },
  PAUSE: { target: '#projection.idle.pausing', actions: 'noteCommand' },
  REOPEN: '#projection.idle.opening',
} as const;

/** While it waits because of the database: the wait is shortened once the database answers. */
export const untilBack = (here: string) =>
  ({ DATABASE_BACK: { target: here, reenter: true, actions: 'noteBack' } }) as const;

export const stopOrResetFirst = [
  { guard: 'wantsStop', target: '#projection.idle.stopped' },
  { guard: 'wantsReset', target: '#projection.resetting' },
] as const;
/** First in every list of transitions after a settled operation, whether it succeeded or failed. */
export const wantedFirst = [...stopOrResetFirst, { guard: 'wantsPause', target: '#projection.idle.pausing' }] as const;

/** Reports to the sender how its command ended, on the transition that follows the settled operation. */
export const done = (command: CommandEvent) => ({ type: 'settle', params: { command } }) as const;
export const failed = (command: CommandEvent) =>
  ({
    type: 'settle',
    params: ({ event }: { readonly event: { readonly error: unknown } }) => ({ command, error: event.error }),
  }) as const;

type StatusDone = { readonly event: { readonly output: { readonly status: StoredStatus } } };
/** The status in the row that was opened or reset. */
export const stored = (as: StoredStatus) =>
  ({ type: 'stored', params: ({ event }: StatusDone) => ({ status: event.output.status, as }) }) as const;
type OpenDone = { readonly event: { readonly output: { readonly status: StoredStatus; readonly deadly?: boolean } } };
export const haltedAtStart = {
  type: 'haltedAtStart',
  params: ({ event }: OpenDone) => ({ status: event.output.status, deadly: event.output.deadly === true }),
} as const;

type RunDone = { readonly event: { readonly output: RunOutcome } };
const ended = (as: RunOutcome['kind']) =>
  ({ type: 'ended', params: ({ event }: RunDone) => ({ outcome: event.output, as }) }) as const;
const halted = { type: 'halted', params: ({ event }: RunDone) => ({ outcome: event.output }) } as const;
const detailOf = {
  type: 'noteDetail',
  params: ({ event }: RunDone) => ({ detail: 'detail' in event.output ? event.output.detail : null }),
} as const;
export const databaseError = {
  type: 'noteError',
  params: ({ event }: { readonly event: { readonly error: unknown } }) => ({ error: event.error }),
} as const;

/** What follows a run, in every state that runs. `wait` is the target when a look-up has to wait. */
export const afterRun = (wait: string) =>
  [
    ...wantedFirst,
    {
      guard: { type: 'caughtUpButWoken', params: ({ event }: RunDone) => ({ outcome: event.output }) },
      target: '#projection.live.working',
      reenter: true,
      actions: 'goingWell',
    },
    { guard: ended('caught-up'), target: '#projection.live.waiting', actions: 'goingWell' },
    { guard: ended('behind'), target: '#projection.catching-up.working', reenter: true, actions: 'goingWell' },
    { guard: halted, target: '#projection.failed.halted', actions: detailOf },
    { guard: ended('failed'), target: '#projection.failed.retrying', actions: detailOf },
    { guard: ended('waiting'), target: wait, actions: [detailOf, 'noteWaiting'] },
    { guard: ended('paused'), target: '#projection.idle.paused', actions: 'goingWell' },
    {
      guard: ended('locked-by-other'),
      target: '#projection.idle.standby',
      actions: { type: 'noteDetail', params: { detail: LOCKED_BY_OTHER } },
    },
    // Aborted by a request that is no longer wanted.
    { target: '#projection.catching-up.working', reenter: true },
  ] as const;
export const afterError = (backOff: string) => [...wantedFirst, { target: backOff, actions: databaseError }] as const;
export const run = (mode: RunMode) =>
  ({ src: 'run', input: ({ context }: { readonly context: ProjectionContext }) => ({ context, mode }) }) as const;
