import type { ProjectionStatus } from '../core/status.ts';
import { make, set, write } from './element.ts';
import { insideOf } from './fleet.ts';
import { stateIcon } from './icons.ts';

/** A projection's state: shape, word, and what it is doing inside. */
export class Badge {
  readonly element = make('span', { class: 'badge' });
  readonly #state = make('span', { class: 'badge-state' });
  readonly #inside = make('span', { class: 'badge-inside' });
  #shown = '';

  update(status: Pick<ProjectionStatus, 'state' | 'substate'>): void {
    if (this.#shown === status.substate) return;
    this.#shown = status.substate;
    set(this.element, { 'data-state': status.state, 'data-substate': status.substate });
    write(this.#state, status.state);
    write(this.#inside, insideOf(status));
    this.element.replaceChildren(stateIcon(status.state, status.substate), this.#state, ' ', this.#inside);
  }
}
