import type { ProjectionStatus } from '../../core/status.ts';
import { Badge } from '../badge.ts';
import { projectionChart } from '../chart/chart.ts';
import { Picture } from '../chart/picture.ts';
import { breakable, make, set, write } from '../element.ts';
import { keyOf } from '../fleet.ts';
import type { Step } from '../inspection.ts';
import type { PollResult } from '../polling.ts';
import type { Samples } from '../samples.ts';
import { Actions, type ActionsOptions } from './actions.ts';
import { Facts } from './facts.ts';
import { FailureCard } from './failure-card.ts';
import { Graphs } from './graphs.ts';
import { History } from './history.ts';

/** Stored transitions are written once a second. */
const STORED_AFTER_MS = 1_500;

export interface ProjectionViewOptions extends ActionsOptions {
  readonly key: string;
  readonly samples: Samples;
  /** Where its actor stands to the moment; null: not known. */
  readonly stateNow: (name: string) => string | null;
}

/** One projection: what it does, how it stands, what it stands before, and what can be done. */
export class ProjectionView {
  readonly element: HTMLElement;
  readonly title: string;
  readonly #options: ProjectionViewOptions;
  readonly #badge = new Badge();
  readonly #detail = make('p', { class: 'detail' });
  readonly #gone = make('p', { class: 'nothing' });
  readonly #all: HTMLElement;
  readonly #facts = new Facts();
  readonly #picture = new Picture(projectionChart());
  readonly #seenHow = make('span');
  readonly #graphs = new Graphs();
  readonly #history = new History();
  readonly #actions: Actions;
  readonly #failure: FailureCard;
  #status: ProjectionStatus | null = null;
  #reload = 0;

  constructor(options: ProjectionViewOptions) {
    this.#options = options;
    this.title = options.key;
    this.#actions = new Actions(options);
    this.#failure = new FailureCard(options);
    this.#all = make(
      'div',
      { class: 'panels' },
      this.#failure.element,
      this.#facts.element,
      chartCard(this.#picture.element, this.#seenHow),
      this.#history.element,
      this.#graphs.element,
    );
    const heading = make('div', { class: 'heading' }, make('h1', {}, ...breakable(options.key)), this.#badge.element);
    this.element = make(
      'main',
      { id: 'main', class: 'projection', tabindex: '-1' },
      make('a', { class: 'back', href: '#/' }, '← All projections'),
      make('div', { class: 'headline' }, heading, this.#actions.element, this.#detail),
      this.#gone,
      this.#all,
    );
  }

  update({ fleet, databaseError }: PollResult): void {
    const { key, samples } = this.#options;
    const status = fleet?.projections.find((one) => keyOf(one) === key) ?? null;
    const known = fleet !== null;
    write(this.#gone, known ? `There is no projection ${key} in this daemon.` : 'Asking the daemon…');
    this.#gone.hidden = status !== null;
    for (const part of [this.#all, this.#actions.element, this.#badge.element]) part.hidden = status === null;
    if (status === null) return;
    if (this.#status?.substate !== status.substate) this.#loadIn(this.#status === null ? 0 : STORED_AFTER_MS);
    this.#status = status;
    this.#badge.update(status);
    // Of a failure it says what the card says.
    const { detail, failure } = status;
    write(this.#detail, failure !== null && detail?.includes(failure.error) === true ? '' : (detail ?? ''));
    this.#actions.update(status, databaseError === null);
    this.#failure.update(status);
    this.#facts.update(status);
    const now = this.#options.stateNow(status.name);
    this.#picture.show(status.name, now ?? status.substate);
    write(this.#seenHow, now === null ? 'Looked at once a second.' : 'Each step is shown as it happens.');
    this.#graphs.update(samples.of(key));
  }

  step(step: Step): void {
    if (step.name !== this.#status?.name) return;
    this.#picture.move(step.from, step.to);
    this.#picture.show(step.name, step.to);
    this.#history.saw(step);
  }

  close(): void {
    clearTimeout(this.#reload);
    this.#graphs.close();
  }

  #loadIn(ms: number): void {
    clearTimeout(this.#reload);
    this.#reload = setTimeout(() => void this.#load(), ms);
  }

  /** What cannot be had now is asked for at the next change; polling says what is wrong. */
  async #load(): Promise<void> {
    const { client } = this.#options;
    const name = this.#status?.name ?? '';
    set(this.#history.element, { 'aria-busy': 'true' });
    const [transitions, failures] = await Promise.allSettled([client.transitions(name), client.failures(name)]);
    if (transitions.status === 'fulfilled' && transitions.value !== null) this.#history.load(transitions.value);
    if (failures.status === 'fulfilled' && failures.value !== null) this.#history.loadFailures(failures.value);
    set(this.#history.element, { 'aria-busy': 'false' });
  }
}

/** @param seenHow whether the inspector tells it, or the status once a second */
function chartCard(picture: SVGSVGElement, seenHow: HTMLElement): HTMLElement {
  return make(
    'section',
    { class: 'card machine', 'aria-labelledby': 'machine' },
    make('h2', { id: 'machine' }, 'State machine'),
    make('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'State machine, scrolls' }, picture),
    make('p', { class: 'hint' }, seenHow, ' RESET, PAUSE and STOP, possible nearly everywhere, are not drawn.'),
  );
}
