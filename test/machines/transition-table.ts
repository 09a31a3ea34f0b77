import type { ProjectionEvent } from '../../machines/projection-parts.ts';
import type { Answer, Leaf, OpenAnswer, PauseAnswer, ResetAnswer, RunAnswer } from './projection-rig.ts';

/** Everything that can happen to a projection: events, answers of operations, and the passing of time. */
export type Happening = ProjectionEvent['type'] | Answer | 'TIME';

/**
 * The target. `ignored`: nothing changes, and an operator gets the answer that the event has no effect here. `noted`: the
 * state stays, and the request is kept until the operation has settled.
 */
type Expected = Leaf | 'ignored' | 'noted';

/** Never Partial: a new state, event or answer does not compile until each of its cells is written. */
type Row = Readonly<Record<Happening, Expected>>;
export type TransitionTable = Readonly<Record<Leaf, Row>>;

const NOT_OPENING = {
  'open:running': 'ignored',
  'open:paused': 'ignored',
  'open:halted': 'ignored',
} as const satisfies Record<OpenAnswer, Expected>;

const NOT_RUNNING = {
  'run:caught-up': 'ignored',
  'run:behind': 'ignored',
  'run:failed': 'ignored',
  'run:failed for good': 'ignored',
  'run:waiting': 'ignored',
  'run:locked-by-other': 'ignored',
  'run:paused': 'ignored',
  'run:halted': 'ignored',
  'run:stopped': 'ignored',
} as const satisfies Record<RunAnswer, Expected>;

const NOT_RESETTING = {
  'reset:running': 'ignored',
  'reset:paused': 'ignored',
  'reset:halted': 'ignored',
} as const satisfies Record<ResetAnswer, Expected>;

const NOT_PAUSING = {
  'setPaused:running': 'ignored',
  'setPaused:paused': 'ignored',
  'setPaused:halted': 'ignored',
} as const satisfies Record<PauseAnswer, Expected>;

/** No operation runs here; a late answer of an operation of an earlier state is ignored. */
const NO_ANSWER = {
  ...NOT_OPENING,
  ...NOT_RUNNING,
  ...NOT_RESETTING,
  ...NOT_PAUSING,
  'skip:done': 'ignored',
  rejected: 'ignored',
} as const satisfies Record<Answer, Expected>;

/** The target after each end of a run, in every state that runs; only that of a waiting look-up differs. */
const AFTER_RUN = {
  'run:caught-up': 'live.waiting',
  'run:behind': 'catching-up.working',
  'run:failed': 'failed.retrying',
  'run:failed for good': 'failed.halted',
  'run:waiting': 'catching-up.waiting',
  'run:locked-by-other': 'idle.standby',
  'run:paused': 'idle.paused',
  'run:halted': 'failed.halted',
  'run:stopped': 'catching-up.working',
} as const satisfies Record<RunAnswer, Expected>;

/** An operation runs: it is aborted, and the target is decided when it has settled. */
const WORKING = {
  START: 'ignored',
  STOP: 'noted',
  WAKE: 'noted',
  RESET: 'noted',
  PAUSE: 'noted',
  REOPEN: 'noted',
  DATABASE_BACK: 'ignored',
  RESUME: 'ignored',
  RETRY: 'ignored',
  SKIP: 'ignored',
  TIME: 'ignored',
} as const satisfies Record<ProjectionEvent['type'] | 'TIME', Expected>;

/** No operation runs: the event takes effect at once. */
const WAITING = {
  START: 'ignored',
  STOP: 'idle.stopped',
  WAKE: 'ignored',
  RESET: 'resetting',
  PAUSE: 'idle.pausing',
  REOPEN: 'idle.opening',
  DATABASE_BACK: 'ignored',
  RESUME: 'ignored',
  RETRY: 'ignored',
  SKIP: 'ignored',
} as const satisfies Record<ProjectionEvent['type'], Expected>;

const STILL = {
  START: 'ignored',
  STOP: 'ignored',
  WAKE: 'ignored',
  RESET: 'ignored',
  PAUSE: 'ignored',
  REOPEN: 'ignored',
  DATABASE_BACK: 'ignored',
  RESUME: 'ignored',
  RETRY: 'ignored',
  SKIP: 'ignored',
  TIME: 'ignored',
} as const satisfies Record<ProjectionEvent['type'] | 'TIME', Expected>;

export const TRANSITIONS: TransitionTable = {
  'idle.stopped': { ...STILL, ...NO_ANSWER, START: 'idle.opening' },
  'idle.opening': {
    ...WORKING,
    ...NO_ANSWER,
    'open:running': 'catching-up.working',
    'open:paused': 'idle.paused',
    // The first opening after a start: the start of a process is an attempt at a halted event.
    'open:halted': 'failed.attempting',
    rejected: 'idle.standby',
  },
  'idle.standby': { ...WAITING, ...NO_ANSWER, DATABASE_BACK: 'idle.standby', TIME: 'idle.opening' },
  'idle.pausing': {
    ...WORKING,
    ...NO_ANSWER,
    'setPaused:running': 'idle.paused',
    'setPaused:paused': 'idle.paused',
    'setPaused:halted': 'idle.paused',
    rejected: 'idle.standby',
  },
  'idle.paused': {
    ...STILL,
    ...NO_ANSWER,
    STOP: 'idle.stopped',
    RESET: 'resetting',
    RESUME: 'idle.resuming',
    REOPEN: 'idle.opening',
  },
  'idle.resuming': {
    ...WORKING,
    ...NO_ANSWER,
    'setPaused:running': 'catching-up.working',
    // The run that follows finds the event.
    'setPaused:paused': 'catching-up.working',
    // It was halted before it was paused.
    'setPaused:halted': 'failed.halted',
    rejected: 'idle.paused',
  },

  'catching-up.working': { ...WORKING, ...NO_ANSWER, ...AFTER_RUN, rejected: 'catching-up.backing-off' },
  'catching-up.waiting': { ...WAITING, ...NO_ANSWER, TIME: 'catching-up.working' },
  'catching-up.backing-off': {
    ...WAITING,
    ...NO_ANSWER,
    DATABASE_BACK: 'catching-up.backing-off',
    TIME: 'catching-up.working',
  },

  'live.waiting': { ...WAITING, ...NO_ANSWER, WAKE: 'live.working', TIME: 'ignored' },
  'live.working': { ...WORKING, ...NO_ANSWER, ...AFTER_RUN, rejected: 'live.backing-off' },
  'live.backing-off': { ...WAITING, ...NO_ANSWER, DATABASE_BACK: 'live.backing-off', TIME: 'live.working' },

  'failed.retrying': {
    ...WAITING,
    ...NO_ANSWER,
    RETRY: 'failed.attempting',
    SKIP: 'failed.skipping',
    TIME: 'failed.attempting',
  },
  'failed.attempting': {
    ...WORKING,
    ...NO_ANSWER,
    ...AFTER_RUN,
    'run:waiting': 'failed.retrying',
    rejected: 'failed.backing-off',
  },
  'failed.backing-off': {
    ...WAITING,
    ...NO_ANSWER,
    RETRY: 'failed.attempting',
    SKIP: 'failed.skipping',
    DATABASE_BACK: 'failed.backing-off',
    TIME: 'failed.attempting',
  },
  'failed.halted': {
    ...WAITING,
    ...NO_ANSWER,
    RETRY: 'failed.attempting',
    SKIP: 'failed.skipping',
    TIME: 'ignored',
  },
  'failed.skipping': {
    ...WORKING,
    ...NO_ANSWER,
    // The operation that follows reads the high-water mark and the row itself.
    WAKE: 'ignored',
    REOPEN: 'ignored',
    'skip:done': 'catching-up.working',
    rejected: 'idle.opening',
  },

  resetting: {
    ...WORKING,
    ...NO_ANSWER,
    // No wake is needed here: the whole history is read after the reset anyway.
    WAKE: 'ignored',
    REOPEN: 'ignored',
    'reset:running': 'catching-up.working',
    'reset:paused': 'idle.paused',
    'reset:halted': 'catching-up.working',
    rejected: 'idle.opening',
  },
};

/** The operation that runs in each state; such a state is never entered before the last operation has settled. */
export const OPERATIONS: Readonly<Record<Leaf, string | null>> = {
  'idle.stopped': null,
  'idle.opening': 'open',
  'idle.standby': null,
  'idle.pausing': 'setPaused true',
  'idle.paused': null,
  'idle.resuming': 'setPaused false',
  'catching-up.working': 'run catch-up',
  'catching-up.waiting': null,
  'catching-up.backing-off': null,
  'live.waiting': null,
  'live.working': 'run live',
  'live.backing-off': null,
  'failed.retrying': null,
  'failed.attempting': 'run attempt',
  'failed.backing-off': null,
  'failed.halted': null,
  'failed.skipping': 'skip',
  resetting: 'reset',
};

type Noted = 'STOP' | 'RESET' | 'PAUSE';

/** The target of an operation that settles after one of these was noted: what was wanted comes first. */
export function afterNoted(leaf: Leaf, noted: Noted, answer: Answer): Leaf {
  switch (noted) {
    case 'STOP':
      return 'idle.stopped';
    case 'RESET':
      // Still wanted: opening continues to it.
      return leaf === 'resetting' && answer === 'rejected' ? 'idle.opening' : 'resetting';
    case 'PAUSE':
      // Answered by the pausing that was already under way.
      if (leaf === 'idle.pausing') return answer === 'rejected' ? 'idle.standby' : 'idle.paused';
      return leaf === 'resetting' && answer === 'rejected' ? 'idle.opening' : 'idle.pausing';
  }
}

/** Tables that do not compile: this is what "never Partial" means. */
const { 'run:waiting': _cell, ...rowWithoutACell } = TRANSITIONS['live.working'];
// @ts-expect-error one cell is missing
rowWithoutACell satisfies Row;
const { 'failed.halted': _row, ...tableWithoutARow } = TRANSITIONS;
// @ts-expect-error one state is missing
tableWithoutARow satisfies TransitionTable;
// @ts-expect-error there is no such state
'idle.asleep' satisfies Leaf;
// @ts-expect-error a state with substates is not a leaf
'live' satisfies Leaf;
