import type { ProjectionStatus } from '../../core/status.ts';
import { button, make, set } from '../element.ts';
import { keyOf } from '../fleet.ts';
import { type Order, ordered } from './order.ts';
import { Row } from './row.ts';

/** Rows that are built in one go: more than a screen shows. */
const CHUNK = 60;

const COLUMNS: readonly { readonly title: string; readonly by: Order['by'] | null; readonly kind: string }[] = [
  { title: 'State', by: 'state', kind: 'state' },
  { title: 'Projection', by: 'name', kind: '' },
  { title: 'Position', by: null, kind: 'number' },
  { title: 'Events behind', by: 'lag', kind: 'number' },
  { title: 'Time behind', by: 'time', kind: 'number' },
  { title: 'Rate', by: 'rate', kind: 'number' },
  { title: 'Caught up in', by: 'eta', kind: 'number' },
  { title: 'Daemon', by: 'owner', kind: 'owner' },
];
/** Columns that are first sorted in descending order. */
const GREATEST_FIRST: readonly Order['by'][] = ['lag', 'time', 'rate', 'eta'];

/** The table of projections. Its rows are moved only if their order changes. */
export class Table {
  readonly element: HTMLElement;
  readonly #body = make('tbody', { role: 'rowgroup' });
  readonly #sortHeaders: { readonly by: Order['by']; readonly element: HTMLElement }[] = [];
  readonly #rows = new Map<string, Row>();
  #order: Order = { by: 'state', descending: false };
  #statuses: readonly ProjectionStatus[] = [];
  #wanted: readonly string[] = [];
  #more = 0;

  constructor() {
    const headers = COLUMNS.map(({ title, by, kind }) => {
      const header = make('th', { scope: 'col', role: 'columnheader', class: kind });
      if (by === null) header.append(title);
      else {
        header.append(button(title, { class: 'sort' }, () => this.#sortBy(by)));
        this.#sortHeaders.push({ by, element: header });
      }
      return header;
    });
    this.element = make(
      'table',
      { role: 'table', 'aria-label': 'Projections' },
      make('thead', { role: 'rowgroup' }, make('tr', { role: 'row' }, ...headers)),
      this.#body,
    );
  }

  update(statuses: readonly ProjectionStatus[]): void {
    this.#statuses = statuses;
    for (const { by, element } of this.#sortHeaders) {
      const sorted = by === this.#order.by;
      set(element, { 'aria-sort': sorted ? (this.#order.descending ? 'descending' : 'ascending') : 'none' });
    }
    this.element.classList.toggle('one-daemon', new Set(statuses.map(({ owner }) => owner)).size <= 1);
    const shown = ordered(statuses, this.#order);
    for (const status of shown) this.#rows.get(keyOf(status))?.update(status);
    this.#wanted = shown.map(keyOf);
    this.#fill(CHUNK);
  }

  /** Builds so many rows now and the others later, a chunk at a time, so that the first screen is painted early. */
  #fill(upTo: number): void {
    clearTimeout(this.#more);
    const byKey = new Map(this.#statuses.map((status) => [keyOf(status), status]));
    const keys = this.#wanted.filter((key, at) => at < upTo || this.#rows.has(key));
    for (const key of [...this.#rows.keys()]) if (!byKey.has(key)) this.#drop(key);
    for (const [at, key] of keys.entries()) {
      const status = byKey.get(key);
      if (status === undefined) continue;
      const row = this.#rows.get(key) ?? new Row(status);
      this.#rows.set(key, row);
      const present = this.#body.children[at];
      if (present !== row.element) this.#body.insertBefore(row.element, present ?? null);
    }
    if (keys.length < this.#wanted.length) this.#more = setTimeout(() => this.#fill(keys.length + CHUNK), 30);
  }

  #drop(key: string): void {
    this.#rows.get(key)?.element.remove();
    this.#rows.delete(key);
  }

  #sortBy(by: Order['by']): void {
    const again = this.#order.by === by;
    this.#order = { by, descending: again ? !this.#order.descending : GREATEST_FIRST.includes(by) };
    this.update(this.#statuses);
  }
}
