// Lays out a machine as a picture at build time, so that the page needs no layout library (400 kB) and shows exactly the
// machine that was built with it.
import ElkModule from 'elkjs';

/** Arrows that nearly every state has. They would hide the others, so the page describes them in text. */
const LEFT_OUT = ['STOP', 'RESET', 'PAUSE', 'REOPEN', 'wantsStop', 'wantsReset', 'wantsPause'];

const LAYOUT = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.hierarchyHandling': 'SEPARATE_CHILDREN',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.layered.spacing.nodeNodeBetweenLayers': '34',
  'elk.spacing.nodeNode': '22',
  'elk.spacing.edgeNode': '16',
  'elk.spacing.edgeEdge': '12',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.cycleBreaking.strategy': 'MODEL_ORDER',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
};
const INSIDE = {
  ...LAYOUT,
  'elk.direction': 'DOWN',
  'elk.padding': '[top=34,left=14,bottom=14,right=14]',
  'elk.layered.spacing.nodeNodeBetweenLayers': '22',
  'elk.spacing.nodeNode': '14',
  'elk.spacing.edgeNode': '10',
};

/**
 * @param walk `arrowsOf` and `leavesOf` of machines/arrows.ts, compiled or not
 * @param commandEvents the events of the machine that operators' commands are
 * @returns boxes and lines in pixels: `{ width, height, states: [{ path, x, y, width, height }], lines: [{ between: [from,
 * to], ends, points }], accepts }`, where `ends` says at which of its ends a line has an arrow, and `accepts` which
 * operators' events each leaf state accepts.
 */
export async function layOut(machine, walk, commandEvents) {
  const leaves = walk.leavesOf(machine);
  const arrows = walk.arrowsOf(machine);
  const tops = [...new Set(leaves.map(topOf))];
  const ways = waysOf(arrows);
  const graph = {
    id: 'root',
    layoutOptions: LAYOUT,
    children: tops.map((top) => ({
      id: top,
      layoutOptions: INSIDE,
      ...(leaves.includes(top) ? sizeOf(top, 58) : {}),
      children: leaves.filter((leaf) => leaf.startsWith(`${top}.`)).map((leaf) => ({ id: leaf, ...sizeOf(leaf, 28) })),
      edges: ways.filter(({ from }) => from.startsWith(`${top}.`)).map(toEdge),
    })),
    edges: ways.filter(({ from }) => tops.includes(from)).map(toEdge),
  };
  const Elk = ElkModule.default ?? ElkModule;
  return toChart(await new Elk().layout(graph), acceptedEvents(arrows, leaves, commandEvents));
}

/** One line between two states for all arrows in both directions; between states of two boxes it joins the boxes. */
function waysOf(arrows) {
  const ways = new Map();
  for (const { from, target, event, guard } of arrows) {
    if (target === null || LEFT_OUT.includes(event) || LEFT_OUT.includes(guard)) continue;
    const inside = topOf(from) === topOf(target);
    const [a, b] = inside ? [from, target] : [topOf(from), topOf(target)];
    if (a === b) continue;
    const back = ways.get(`${b} ${a}`);
    if (back === undefined) ways.set(`${a} ${b}`, { from: a, to: b, both: ways.get(`${a} ${b}`)?.both ?? false });
    else back.both = true;
  }
  return [...ways.values()];
}

function toEdge({ from, to, both }) {
  return { id: `${from} ${to}`, sources: [from], targets: [to], both };
}

function sizeOf(path, height) {
  const label = path.split('.').at(-1);
  return { width: Math.max(78, Math.ceil(label.length * 7.6) + 26), height };
}

function toChart(laidOut, accepts) {
  const round = (number) => Math.round(number * 10) / 10;
  const boxes = laidOut.children.flatMap((top) => [top, ...(top.children ?? [])]);
  const edges = [laidOut, ...laidOut.children].flatMap((node) => node.edges ?? []);
  return {
    width: Math.ceil(laidOut.width),
    height: Math.ceil(laidOut.height),
    states: boxes.map(({ id, x, y, width, height }) => ({
      path: id,
      x: round(x),
      y: round(y),
      width: round(width),
      height: round(height),
    })),
    lines: edges.map(({ id, both, sections: [section] }) => ({
      between: id.split(' '),
      both,
      points: [section.startPoint, ...(section.bendPoints ?? []), section.endPoint].map(({ x, y }) => [
        round(x),
        round(y),
      ]),
    })),
    accepts,
  };
}

function acceptedEvents(arrows, leaves, commandEvents) {
  const accepts = (leaf) =>
    commandEvents.filter((event) =>
      arrows.some(
        (arrow) => arrow.event === event && (arrow.from === leaf || arrow.from === topOf(leaf) || arrow.from === ''),
      ),
    );
  return Object.fromEntries(leaves.map((leaf) => [leaf, accepts(leaf)]));
}

function topOf(path) {
  return path.split('.')[0];
}
