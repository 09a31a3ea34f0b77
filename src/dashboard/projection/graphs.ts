import uPlot from 'uplot';
import { grouped } from '../../core/readable.ts';
import { make, set, write } from '../element.ts';
import { rate } from '../format.ts';
import type { Series } from '../samples.ts';

const HEIGHT = 150;
/** The shortest time axis. */
const MIN_SECONDS = 60;

/** Lag and rate since the page was opened. */
export class Graphs {
  readonly element: HTMLElement;
  readonly #graphs: readonly Graph[];

  constructor() {
    this.#graphs = [
      new Graph('Events behind', '--lag', (value) => grouped(value)),
      new Graph('Events per second', '--state-catching-up', (value) => (value === 0 ? '0/s' : rate(value))),
    ];
    const frames = this.#graphs.map(({ element }) => element);
    this.element = make('section', { class: 'card graphs', 'aria-label': 'Lag and rate over time' }, ...frames);
  }

  update({ at, lag, rate: rates }: Series): void {
    this.#graphs[0]?.update(at, lag);
    this.#graphs[1]?.update(at, rates);
  }

  close(): void {
    for (const graph of this.#graphs) graph.close();
  }
}

/** Extends the time axis of a page that was just opened: of a single sample uPlot would make an axis of a day. */
function leadingTime(at: readonly number[]): readonly number[] {
  const [first = 0, last = 0] = [at[0], at.at(-1)];
  return at.length > 0 && last - first < MIN_SECONDS ? [last - MIN_SECONDS] : [];
}

class Graph {
  readonly element: HTMLElement;
  readonly #title: string;
  readonly #colour: string;
  readonly #text: (value: number) => string;
  readonly #frame = make('div', { class: 'plot', role: 'img' });
  readonly #now = make('span', { class: 'graph-now' });
  readonly #dark = matchMedia('(prefers-color-scheme: dark)');
  readonly #size = new ResizeObserver(() => this.#resize());
  readonly #redraw = (): void => this.#draw();
  #plot: uPlot | null = null;
  #data: [number[], (number | null)[]] = [[], []];

  constructor(title: string, colour: string, text: (value: number) => string) {
    this.#title = title;
    this.#colour = colour;
    this.#text = text;
    this.element = make('div', { class: 'graph' }, make('h2', {}, title, ' ', this.#now), this.#frame);
    this.#size.observe(this.#frame);
    this.#dark.addEventListener('change', this.#redraw);
  }

  /** @param values null where the value was not known */
  update(at: readonly number[], values: readonly (number | null)[]): void {
    this.#data = [
      [...leadingTime(at), ...at],
      [...leadingTime(at).map(() => null), ...values],
    ];
    const last = values.length === 0 ? 0 : (values.at(-1) ?? null);
    const now = last === null ? 'not known' : this.#text(last);
    write(this.#now, now);
    const most = values.reduce<number>((greatest, value) => Math.max(greatest, value ?? 0), 0);
    set(this.#frame, { 'aria-label': `${this.#title}: ${now} now, ${this.#text(most)} at most` });
    if (this.#plot === null) this.#draw();
    else this.#plot.setData(this.#data);
  }

  close(): void {
    this.#size.disconnect();
    this.#dark.removeEventListener('change', this.#redraw);
    this.#plot?.destroy();
  }

  #resize(): void {
    const width = this.#frame.clientWidth;
    if (this.#plot === null) this.#draw();
    else if (width > 0) this.#plot.setSize({ width, height: HEIGHT });
  }

  /** Draws again with the colours of the theme. Draws nothing while the frame has no width. */
  #draw(): void {
    this.#plot?.destroy();
    this.#plot = null;
    const width = this.#frame.clientWidth;
    if (width === 0) return;
    const style = getComputedStyle(this.#frame);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour('--muted'),
      font: '11px system-ui, sans-serif',
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    };
    this.#plot = new uPlot(
      {
        width,
        height: HEIGHT,
        padding: [8, 24, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_, __, greatest) => [0, Math.max(4, greatest * 1.1)] } },
        axes: [
          { ...axis, space: 70, size: 24, values: [[1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1]] },
          { ...axis, size: 58, values: (_, splits) => splits.map((value) => grouped(value)) },
        ],
        series: [
          {},
          { stroke: colour(this.#colour), fill: colour(`${this.#colour}-back`), width: 1.5, points: { show: false } },
        ],
      },
      this.#data,
      this.#frame,
    );
  }
}
