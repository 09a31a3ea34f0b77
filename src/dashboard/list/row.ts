import { duration, grouped } from '../../core/readable.ts';
import type { ProjectionStatus } from '../../core/status.ts';
import { Badge } from '../badge.ts';
import { breakable, make, set, write } from '../element.ts';
import { keyOf } from '../fleet.ts';
import { percent, rate } from '../format.ts';

/** The failure, or else what the projection waits for; empty if there is neither. */
function remarkOf({ failure, detail }: ProjectionStatus): string {
  if (failure === null) return detail ?? '';
  const what = failure.eventName === null ? '' : ` ${failure.eventName}`;
  return `at ${grouped(failure.position)}${what}: ${failure.error}`;
}

export const UNKNOWN_LAG = 'not known';

/** The lag is null while the store cannot be read: the head is not known then either. */
export function positionOf({ cursor, head, lagEvents }: ProjectionStatus): string {
  if (lagEvents === null) return `${grouped(cursor)} of ?`;
  return cursor === head ? grouped(cursor) : `${grouped(cursor)} of ${grouped(head)}`;
}

/** How long the oldest event that is not applied has been known; empty if all are applied. */
export function timeBehind({ lagEvents, behindSeconds }: ProjectionStatus): string {
  return lagEvents === 0 || behindSeconds === null ? '' : duration(behindSeconds);
}

/** The route of a projection's page. */
function linkTo(key: string): string {
  return `#/${encodeURIComponent(key)}`;
}

/** A projection's row in the list. The roles are explicit, since the narrow layout removes a table's implicit ones. */
export class Row {
  readonly element: HTMLTableRowElement;
  readonly #badge = new Badge();
  readonly #position = make('span');
  readonly #progress = make('progress', { max: '100', 'aria-label': 'Applied, in percent' });
  readonly #lag = cell('Events behind', 'number');
  readonly #timeBehind = cell('Time behind', 'number');
  readonly #rate = cell('Rate', 'number');
  readonly #eta = cell('Caught up in', 'number');
  readonly #owner = cell('Daemon', 'owner');
  readonly #remark = make('span', { class: 'remark' });

  constructor(status: ProjectionStatus) {
    const key = keyOf(status);
    const link = make('a', { href: linkTo(key) }, ...breakable(key));
    this.element = make(
      'tr',
      { role: 'row' },
      cell('State', 'state', this.#badge.element),
      make('th', { scope: 'row', role: 'rowheader', 'data-title': 'Projection' }, link, this.#remark),
      cell('Position', 'number', this.#position, this.#progress),
      this.#lag,
      this.#timeBehind,
      this.#rate,
      this.#eta,
      this.#owner,
    );
    this.element.addEventListener('click', ({ target }) => {
      const selecting = getSelection()?.isCollapsed === false;
      if (!selecting && !(target instanceof Element && target.closest('a') !== null)) link.click();
    });
    this.update(status);
  }

  update(status: ProjectionStatus): void {
    const { cursor, head, lagEvents, ratePerSecond, etaSeconds, owner, state } = status;
    this.#badge.update(status);
    set(this.element, { 'data-state': state });
    write(this.#position, positionOf(status));
    this.#progress.hidden = state !== 'catching-up' || lagEvents === null;
    if (!this.#progress.hidden) set(this.#progress, { value: String(percent(cursor, head)) });
    write(this.#lag, lagEvents === null ? UNKNOWN_LAG : lagEvents === 0 ? '0' : grouped(lagEvents));
    show(this.#timeBehind, timeBehind(status));
    show(this.#rate, ratePerSecond > 0 ? rate(ratePerSecond) : '');
    show(this.#eta, etaSeconds === null ? '' : duration(etaSeconds));
    write(this.#owner, owner ?? '–');
    const remark = remarkOf(status);
    write(this.#remark, remark);
    set(this.#remark, { title: remark });
  }
}

/** An empty cell is marked, since the narrow layout leaves it out. */
function show(cell: HTMLElement, text: string): void {
  write(cell, text === '' ? '–' : text);
  set(cell, { 'data-none': text === '' });
}

function cell(title: string, kind: string, ...children: readonly Node[]): HTMLTableCellElement {
  return make('td', { role: 'cell', class: kind, 'data-title': title }, ...children);
}
