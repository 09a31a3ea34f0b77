import { button, make, write } from '../element.ts';
import type { PollResult } from '../polling.ts';
import { Filters } from './filters.ts';
import { matching } from './order.ts';
import { Table } from './table.ts';

/** All projections at a glance, the most urgent first. */
export class ListView {
  readonly element: HTMLElement;
  readonly title = 'Projections';
  readonly #table = new Table();
  readonly #filters: Filters;
  readonly #frame = make('div', { class: 'table-frame' }, this.#table.element);
  readonly #emptyText = make('p', { class: 'nothing' });
  readonly #showAll: HTMLElement;
  readonly #empty: HTMLElement;
  #poll: PollResult | null = null;

  constructor() {
    this.#filters = new Filters(() => this.#show());
    this.#showAll = button('Show all', { class: 'plain' }, () => {
      this.#filters.clear();
      this.#show();
    });
    this.#empty = make('div', { class: 'nothing-frame' }, this.#emptyText, this.#showAll);
    this.element = make(
      'main',
      { id: 'main', class: 'list', tabindex: '-1' },
      make('h1', { class: 'unseen' }, 'Projections'),
      this.#filters.element,
      this.#frame,
      this.#empty,
    );
  }

  update(poll: PollResult): void {
    this.#poll = poll;
    this.#show();
  }

  #show(): void {
    const fleet = this.#poll?.fleet ?? null;
    const all = fleet?.projections ?? [];
    const found = matching(all, this.#filters.filter);
    this.#filters.update(all);
    this.#table.update(found);
    this.#filters.element.hidden = all.length === 0;
    this.#frame.hidden = found.length === 0;
    this.#empty.hidden = found.length > 0;
    this.#showAll.hidden = all.length === 0 || found.length > 0;
    if (fleet === null)
      write(this.#emptyText, this.#poll?.unreachable === null ? 'Asking the daemon…' : 'Nothing to show yet.');
    else if (all.length === 0) write(this.#emptyText, 'This daemon has no projections: its config file exports none.');
    else write(this.#emptyText, 'No projection matches.');
  }
}
