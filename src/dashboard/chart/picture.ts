import { makeSvg, set } from '../element.ts';
import type { Chart } from './chart.ts';
import { litBy, routeOf } from './lighting.ts';

const ANIMATION_MS = 900;
/** More animations at once would be a blur. The state itself is always shown. */
const MAX_ANIMATIONS = 3;

/** The statechart of a projection: its state is lit, and each transition moves along its line. */
export class Picture {
  readonly element: SVGSVGElement;
  readonly #chart: Chart;
  readonly #boxes = new Map<string, SVGGElement>();
  readonly #moving = makeSvg('g');
  readonly #reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
  #shown = '';

  constructor(chart: Chart) {
    this.#chart = chart;
    const lines = chart.lines.map(({ points, both }) =>
      makeSvg('path', {
        class: 'line',
        d: pathOf(points),
        'marker-end': 'url(#arrow)',
        ...(both && { 'marker-start': 'url(#arrow)' }),
      }),
    );
    const boxes = chart.states.map((state) => this.#box(state));
    this.element = makeSvg(
      'svg',
      { class: 'chart', viewBox: `0 0 ${chart.width} ${chart.height}`, role: 'img' },
      makeSvg('defs', {}, arrowHead()),
      ...boxes.filter((_, at) => !chart.states[at]?.path.includes('.')),
      ...lines,
      ...boxes.filter((_, at) => chart.states[at]?.path.includes('.')),
      this.#moving,
    );
    set(this.element, { width: String(chart.width), height: String(chart.height) });
  }

  /** Lights a state. @param name for the label that screen readers read */
  show(name: string, substate: string): void {
    if (this.#shown === substate) return;
    this.#shown = substate;
    const lit = litBy(substate);
    for (const [path, box] of this.#boxes) box.classList.toggle('lit', lit.includes(path));
    set(this.element, { 'aria-label': `State machine of ${name}: it is in ${substate.replace('.', ', ')}` });
    this.#bringIntoView(lit[0] ?? '');
  }

  animate(from: string, to: string): void {
    const { line, backwards } = routeOf(this.#chart, from, to);
    const drawn = line === null ? undefined : this.#chart.lines[line];
    const d = drawn === undefined ? this.#arc(from, to) : pathOf(drawn.points);
    if (d === null || this.#moving.childElementCount >= MAX_ANIMATIONS) return;
    const trace = makeSvg('path', { class: 'trace', d });
    const pulse = makeSvg('path', { class: 'pulse', d, pathLength: '100' });
    this.#moving.append(makeSvg('g', {}, trace, pulse));
    const group = trace.parentElement;
    const path = backwards ? ['-100', '22'] : ['22', '-100'];
    const [frames, duration] = this.#reducedMotion.matches
      ? [{ opacity: [0, 0] }, ANIMATION_MS]
      : [{ strokeDashoffset: path }, ANIMATION_MS];
    const animation = pulse.animate(frames, { duration, easing: 'ease-in-out' });
    animation.onfinish = () => group?.remove();
    animation.oncancel = () => group?.remove();
  }

  /** Scrolls the frame sideways if the picture is wider than it. The page itself does not scroll. */
  #bringIntoView(path: string): void {
    const [frame, box] = [this.element.parentElement, this.#boxes.get(path)];
    if (frame === null || box === undefined || frame.scrollWidth <= frame.clientWidth) return;
    const [within, lit] = [frame.getBoundingClientRect(), box.getBoundingClientRect()];
    frame.scrollLeft += lit.left + lit.width / 2 - (within.left + within.width / 2);
  }

  #box({ path, x, y, width, height }: Chart['states'][number]): SVGGElement {
    const inner = path.includes('.');
    const label = path.split('.').at(-1) ?? path;
    const box = makeSvg('rect', { x: String(x), y: String(y), width: String(width), height: String(height), rx: '7' });
    const text = inner
      ? { x: String(x + width / 2), y: String(y + height / 2), 'text-anchor': 'middle', 'dominant-baseline': 'central' }
      : { x: String(x + 14), y: String(y + 22) };
    const group = makeSvg(
      'g',
      { class: inner ? 'box inner' : 'box outer', 'data-state': path.split('.')[0] ?? path },
      box,
      makeSvg('text', text, label),
    );
    this.#boxes.set(path, group);
    return group;
  }

  /** A curve between the centres of two states that no line joins; null if one of them is not drawn. */
  #arc(from: string, to: string): string | null {
    const [a, b] = [from, to].map((path) => this.#chart.states.find((state) => state.path === path));
    if (a === undefined || b === undefined) return null;
    const middle = (state: typeof a) => [state.x + state.width / 2, state.y + state.height / 2] as const;
    const [[ax, ay], [bx, by]] = [middle(a), middle(b)];
    return `M${ax} ${ay}Q${(ax + bx) / 2} ${Math.min(ay, by) - 40} ${bx} ${by}`;
  }
}

function pathOf(points: readonly (readonly [number, number])[]): string {
  return `M${points.map((point) => point.join(' ')).join('L')}`;
}

function arrowHead(): SVGMarkerElement {
  const size = { markerWidth: '8', markerHeight: '8', refX: '7', refY: '4' };
  return makeSvg(
    'marker',
    { id: 'arrow', orient: 'auto-start-reverse', ...size },
    makeSvg('path', { d: 'M0 0L8 4 0 8z' }),
  );
}
