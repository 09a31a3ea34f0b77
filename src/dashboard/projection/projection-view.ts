import type { ProjectionStatus } from '../../core/status.ts';
import { Badge } from '../badge.ts';
import { projectionChart } from '../chart/chart.ts';
import { Picture } from '../chart/picture.ts';
import { breakable, make, set, write } from '../element.ts';
import { keyOf } from '../fleet.ts';
import type { ActorTransition } from '../inspection.ts';
import type { PollResult } from '../polling.ts';
import type { Samples } from '../samples.ts';
import { Actions, type ActionsOptions } from './actions.ts';
import { Facts } from './facts.ts';
import { FailureCard } from './failure-card.ts';
import { Graphs } from './graphs.ts';
import { History } from './history.ts';

/** The daemon writes transitions once a second; a load that is earlier would miss the newest. */
const STORED_AFTER_MS = 1_500;

export interface ProjectionViewOptions extends ActionsOptions {
  readonly key: string;
  readonly samples: Samples;
  /** State path of the actor as the inspector reports it; null if the inspector is not connected. */
  readonly liveState: (name: string) => string | null;
}

/** The page of one projection: state, facts, failure, history and the commands. */
export class ProjectionView {
  readonly element: HTMLElement;
  readonly title: string;
  readonly #options: ProjectionViewOptions;
  readonly #badge = new Badge();
  readonly #detail = make('p', { class: 'detail' });
  readonly #missing = make('p', { class: 'nothing' });
  readonly #all: HTMLElement;
  readonly #facts = new Facts();
  readonly #picture = new Picture(projectionChart());
  readonly #source = make('span');
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
      chartCard(this.#picture.element, this.#source),
      this.#history.element,
      this.#graphs.element,
    );
    const heading = make('div', { class: 'heading' }, make('h1', {}, ...breakable(options.key)), this.#badge.element);
    this.element = make(
      'main',
      { id: 'main', class: 'projection', tabindex: '-1' },
      make('a', { class: 'back', href: '#/' }, '← All projections'),
      make('div', { class: 'headline' }, heading, this.#actions.element, this.#detail),
      this.#missing,
      this.#all,
    );
  }

  update({ fleet, unreachable }: PollResult): void {
    const { key, samples } = this.#options;
    const status = fleet?.projections.find((one) => keyOf(one) === key) ?? null;
    const known = fleet !== null;
    write(this.#missing, known ? `There is no projection ${key} in this daemon.` : 'Asking the daemon…');
    this.#missing.hidden = status !== null;
    for (const part of [this.#all, this.#actions.element, this.#badge.element]) part.hidden = status === null;
    if (status === null) return;
    if (this.#status?.substate !== status.substate) this.#loadIn(this.#status === null ? 0 : STORED_AFTER_MS);
    this.#status = status;
    this.#badge.update(status);
    // The failure card already shows the error.
    const { detail, failure } = status;
    write(this.#detail, failure !== null && detail?.includes(failure.error) === true ? '' : (detail ?? ''));
    this.#actions.update(status, unreachable === null);
    this.#failure.update(status);
    this.#facts.update(status);
    const now = this.#options.liveState(status.name);
    this.#picture.show(status.name, now ?? status.substate);
    write(this.#source, now === null ? 'Polled once a second.' : 'Each transition is shown as it happens.');
    this.#graphs.update(samples.of(key));
  }

  showTransition(transition: ActorTransition): void {
    const { name, from, to } = transition;
    if (name !== this.#status?.name) return;
    this.#picture.animate(from, to);
    this.#picture.show(name, to);
    this.#history.add(transition);
  }

  close(): void {
    clearTimeout(this.#reload);
    this.#graphs.close();
  }

  #loadIn(ms: number): void {
    clearTimeout(this.#reload);
    this.#reload = setTimeout(() => void this.#load(), ms);
  }

  /** A request that fails is repeated at the next change of state. Polling reports an outage. */
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

/** @param source says whether the states come from the inspector or from polling */
function chartCard(picture: SVGSVGElement, source: HTMLElement): HTMLElement {
  return make(
    'section',
    { class: 'card machine', 'aria-labelledby': 'machine' },
    make('h2', { id: 'machine' }, 'State machine'),
    make('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'State machine, scrolls' }, picture),
    make('p', { class: 'hint' }, source, ' RESET, PAUSE and STOP, possible nearly everywhere, are not drawn.'),
  );
}
