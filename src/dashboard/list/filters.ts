import type { ProjectionState, ProjectionStatus } from '../../core/status.ts';
import { button, make, set, write } from '../element.ts';
import { stateIcon } from '../icons.ts';
import { BY_URGENCY, counts, type Filter } from './order.ts';

/** The search field and the state filters of the list. */
export class Filters {
  readonly element: HTMLElement;
  readonly #search = make('input', {
    type: 'search',
    placeholder: 'Search name, daemon, error',
    'aria-label': 'Search projections',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  readonly #chips = new Map<ProjectionState | null, { readonly chip: HTMLElement; readonly count: HTMLElement }>();
  #state: ProjectionState | null = null;

  constructor(onChange: () => void) {
    this.#search.addEventListener('input', onChange);
    const chips = [null, ...BY_URGENCY].map((state) => {
      const count = make('span', { class: 'chip-count' }, '0');
      const chip = button('', { class: 'chip', 'aria-pressed': 'false' }, () => {
        this.#state = state === this.#state ? null : state;
        onChange();
      });
      if (state !== null) {
        chip.dataset['state'] = state;
        chip.append(stateIcon(state, state));
      }
      chip.append(state ?? 'all', ' ', count);
      this.#chips.set(state, { chip, count });
      return chip;
    });
    this.element = make(
      'div',
      { class: 'filters' },
      make('div', { class: 'chips', role: 'group', 'aria-label': 'States' }, ...chips),
      make('search', {}, this.#search),
    );
  }

  get filter(): Filter {
    return { search: this.#search.value, state: this.#state };
  }

  /** Resets search and state, after a search without results. */
  clear(): void {
    this.#search.value = '';
    this.#state = null;
  }

  update(statuses: readonly ProjectionStatus[]): void {
    const found = counts(statuses);
    for (const [state, { chip, count }] of this.#chips) {
      const number = state === null ? statuses.length : (found.get(state) ?? 0);
      write(count, String(number));
      set(chip, { 'aria-pressed': String(state === this.#state), 'data-none': number === 0 });
    }
  }
}
