import { count, duration } from '../../core/readable.ts';
import type { ProjectionStatus } from '../../core/status.ts';
import { breakable, make, set } from '../element.ts';
import { clock, percent, rate } from '../format.ts';
import { positionOf, timeBehind, UNKNOWN_LAG } from '../list/row.ts';

type Fact = readonly [title: string, value: (status: ProjectionStatus) => string];

const FACTS: readonly Fact[] = [
  ['Position', (status) => positionOf(status)],
  ['Behind', (status) => behind(status)],
  ['Rate', ({ ratePerSecond }) => rate(ratePerSecond)],
  ['Caught up in', ({ etaSeconds }) => (etaSeconds === null ? '–' : duration(etaSeconds))],
  ['Newest event applied', ({ position }) => (position === 0 ? 'none' : clock(new Date(position * 1000), new Date()))],
  ['Generation', ({ generation }) => String(generation)],
  ['Daemon', ({ owner }) => owner ?? 'none'],
  ['Tables', ({ tables }) => tables.join(', ')],
];

function behind(status: ProjectionStatus): string {
  if (status.lagEvents === null) return UNKNOWN_LAG;
  const time = timeBehind(status);
  return status.lagEvents === 0
    ? 'nothing'
    : `${count(status.lagEvents, 'event')}${time === '' ? '' : `, for ${time}`}`;
}

/** Characters; a longer value gets a line of its own. */
const LONG = 60;

/** Position, lag and rate of a projection, and its tables. */
export class Facts {
  readonly element: HTMLElement;
  readonly #values: readonly { readonly node: HTMLElement; readonly value: Fact[1] }[];
  readonly #progress = make('progress', { max: '100', 'aria-label': 'Applied, in percent' });

  constructor() {
    const list = make('dl', { class: 'facts' });
    this.#values = FACTS.map(([title, value]) => {
      const node = make('dd');
      list.append(make('div', {}, make('dt', {}, title), node));
      return { node, value };
    });
    this.element = make('section', { class: 'card', 'aria-label': 'Facts' }, this.#progress, list);
  }

  update(status: ProjectionStatus): void {
    for (const { node, value } of this.#values) this.#write(node, value(status));
    this.#progress.hidden = status.lagEvents === 0 || status.lagEvents === null;
    set(this.#progress, { value: String(percent(status.cursor, status.head)) });
  }

  #write(node: HTMLElement, text: string): void {
    if (node.textContent === text) return;
    node.replaceChildren(...breakable(text));
    set(node.parentElement ?? node, { class: text.length > LONG ? 'wide' : '' });
  }
}
