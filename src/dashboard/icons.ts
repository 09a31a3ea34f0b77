import type { ProjectionState } from '../core/status.ts';
import { makeSvg } from './element.ts';

/** A shape for each state, since colour alone does not distinguish them for every reader. */
const SHAPES: Readonly<Record<ProjectionState, string>> = {
  failed: 'M6 .8 11.6 11H.4zM5.3 4.4l.2 3.1h1l.2-3.1zM6 8.2a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.4',
  resetting: 'M6 1a5 5 0 1 0 5 5H9.4A3.4 3.4 0 1 1 6 2.6V5l4-3.1L6-1z',
  'catching-up': 'M.8 1.2 5.6 6 .8 10.8zM6 1.2 10.8 6 6 10.8z',
  live: 'M6 1.4a4.6 4.6 0 1 0 0 9.2 4.6 4.6 0 0 0 0-9.2',
  idle: 'M6 1.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6M6 2.8a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4',
};
const SKIPPED = 'M1 1.2 6.8 6 1 10.8zM8 1.2h2.6v9.6H8z';
const PAUSED = 'M2 1.5h3v9H2zM7 1.5h3v9H7z';

export function stateIcon(state: ProjectionState, substate: string): SVGSVGElement {
  return icon(substate === 'idle.paused' ? PAUSED : SHAPES[state]);
}

export function skippedIcon(): SVGSVGElement {
  return icon(SKIPPED);
}

/** Hidden from screen readers: the text beside it says the same. */
function icon(path: string): SVGSVGElement {
  return makeSvg(
    'svg',
    { class: 'icon', viewBox: '0 0 12 12', 'aria-hidden': 'true' },
    makeSvg('path', { d: path, 'fill-rule': 'evenodd' }),
  );
}
