import { grouped } from '../core/readable.ts';
import type { ProjectionStatus } from '../core/status.ts';
import { make, set, write } from './element.ts';
import { substateOf } from './fleet.ts';
import { skippedIcon, stateIcon } from './icons.ts';

/** A projection's state: shape, word and substate. Beside it the number of skipped events. */
export class Badge {
  readonly element = make('span', { class: 'badges' });
  readonly #badge = make('span', { class: 'badge' });
  readonly #state = make('span', { class: 'badge-state' });
  readonly #substate = make('span', { class: 'badge-inside' });
  readonly #skipped = make('span', {
    class: 'badge badge-skipped',
    title: 'The rows lack the changes of these events.',
  });
  #shown = '';
  #shownSkipped = 0;

  constructor() {
    this.#skipped.hidden = true;
    this.element.append(this.#badge, this.#skipped);
  }

  update(status: Pick<ProjectionStatus, 'state' | 'substate' | 'skippedEvents'>): void {
    this.#updateSkipped(status.skippedEvents);
    if (this.#shown === status.substate) return;
    this.#shown = status.substate;
    set(this.#badge, { 'data-state': status.state, 'data-substate': status.substate });
    write(this.#state, status.state);
    write(this.#substate, substateOf(status));
    this.#badge.replaceChildren(stateIcon(status.state, status.substate), this.#state, ' ', this.#substate);
  }

  #updateSkipped(number: number): void {
    if (number === this.#shownSkipped) return;
    this.#shownSkipped = number;
    this.#skipped.hidden = number === 0;
    this.#skipped.replaceChildren(skippedIcon(), `${grouped(number)} skipped`);
  }
}
