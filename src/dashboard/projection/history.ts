import type { FailureRecord } from '../../core/failure.ts';
import { grouped } from '../../core/readable.ts';
import type { TransitionRecord } from '../../core/transition.ts';
import { make } from '../element.ts';
import { clock } from '../format.ts';
import type { ActorTransition } from '../inspection.ts';

const MAX_LINES = 50;
/** Tolerance between the browser's clock and the daemon's, by which a stored transition is recognised. */
const SAME_MS = 100;

interface Line {
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly cause: string | null;
  readonly detail: string | null;
  readonly position: string | null;
}

/** Transitions of a projection: those that this page has seen since the last load, then those that the daemon has stored. */
export class History {
  readonly element: HTMLElement;
  readonly #list = make('ol', { class: 'steps' });
  readonly #none = make('p', { class: 'nothing' }, 'Nothing has changed since this page was opened.');
  readonly #frame: HTMLElement;
  readonly #skipped = make('div', { class: 'skipped' });
  #stored: readonly Line[] = [];
  #seen: readonly Line[] = [];

  constructor() {
    this.#frame = make(
      'div',
      { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'Transitions' },
      this.#list,
    );
    this.element = make(
      'section',
      { class: 'card history' },
      make('h2', {}, 'History'),
      this.#frame,
      this.#none,
      this.#skipped,
    );
    this.#show();
  }

  add({ from, to, cause, at }: ActorTransition): void {
    if (isRoutine(from, to)) return;
    this.#seen = [{ at, from, to, cause, detail: null, position: null }, ...this.#seen].slice(0, MAX_LINES);
    this.#show();
  }

  load(records: readonly TransitionRecord[]): void {
    this.#stored = records.map(({ at, ...rest }) => ({ ...rest, at: Date.parse(at) }));
    const newest = this.#stored[0]?.at ?? 0;
    this.#seen = this.#seen.filter(({ at }) => at > newest + SAME_MS);
    this.#show();
  }

  /** Lists the skipped events. The failure card shows the present failure. */
  loadFailures(records: readonly FailureRecord[]): void {
    const skippedEvents = records.flatMap(({ skipped, ...record }) =>
      skipped === null ? [] : [{ ...record, skipped }],
    );
    const items = skippedEvents.map(({ position, eventName, skipped }) =>
      make(
        'li',
        {},
        `${eventName} at ${grouped(position)}, ${clock(new Date(skipped.at), new Date())} by ${skipped.by}: ${skipped.reason}`,
      ),
    );
    this.#skipped.replaceChildren(
      ...(items.length === 0 ? [] : [make('h3', {}, 'Skipped events'), make('ul', {}, ...items)]),
    );
  }

  #show(): void {
    const lines = [...this.#seen, ...this.#stored].slice(0, MAX_LINES);
    this.#frame.hidden = lines.length === 0;
    this.#none.hidden = lines.length > 0;
    const now = new Date();
    this.#list.replaceChildren(...lines.map((line) => itemOf(line, now)));
  }
}

function itemOf({ at, from, to, cause, detail, position }: Line, now: Date): HTMLElement {
  const reason = [cause === null ? null : inWords(cause), detail].filter((text) => text !== null).join(': ');
  const where = position === null ? '' : `, at ${grouped(position)}`;
  return make(
    'li',
    { 'data-state': to.split('.')[0] ?? to },
    make('span', { class: 'step-time' }, clock(new Date(at), now)),
    make('strong', { class: 'step' }, to),
    make('span', { class: 'step-from' }, `from ${from}${where}`),
    make('span', { class: 'step-why', title: reason }, reason),
  );
}

/** A live projection alternates between these two with every wakeup. */
function isRoutine(from: string, to: string): boolean {
  return [from, to].every((state) => state === 'live.waiting' || state === 'live.working');
}

/** XState's internal events in words: `xstate.done.actor.0.projection.live.working` means that an operation has ended. */
function inWords(cause: string): string {
  if (cause.startsWith('xstate.done.')) return 'operation ended';
  if (cause.startsWith('xstate.error.')) return 'operation failed';
  if (cause.startsWith('xstate.after.')) return 'delay elapsed';
  return cause === 'xstate.init' ? 'start' : cause;
}
