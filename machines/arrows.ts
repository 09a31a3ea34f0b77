import type { AnyStateMachine, AnyStateNode } from 'xstate';

/** One transition of a machine, in words. */
export interface Arrow {
  /** Path of the state that has it: `idle.opening`. */
  readonly from: string;
  /** `START`, `after backoff`, `open done`, `open error`. */
  readonly event: string;
  /** Whether the event is sent to the machine; else it is an answer, a timer or the end of a child. */
  readonly sent: boolean;
  /** Name of the guard, with its parameters in brackets; null when there is none. */
  readonly guard: string | null;
  /** Path of the state that the machine enters; null when the state does not change. */
  readonly target: string | null;
  readonly actions: readonly string[];
}

/** The operations and actions of a state. */
export interface StateWork {
  readonly state: string;
  /** Operations. */
  readonly runs: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
}

/** Passed to the functions that compute parameters: each value is its own name, so that the name is shown. */
const SAMPLE = {
  context: {},
  event: { output: { kind: 'outcome', status: undefined, detail: 'detail' }, error: 'error', actorId: 'actorId' },
};

/** Every transition of a machine: states in the order of the source, those of one event in the order they are tried. */
export function arrowsOf(machine: AnyStateMachine): readonly Arrow[] {
  return nodesOf(machine.root).flatMap((node) =>
    [...node.transitions, ['always', node.always ?? []] as const].flatMap(([descriptor, transitions]) =>
      transitions.map((transition) => ({
        from: pathOf(node),
        ...eventOf(node, descriptor),
        guard: transition.guard === undefined ? null : nameOf(transition.guard),
        target: transition.target?.[0] === undefined ? null : pathOf(firstLeafOf(transition.target[0])),
        actions: transition.actions.map(nameOf),
      })),
    ),
  );
}

/** The states that have no substates. */
export function leavesOf(machine: AnyStateMachine): readonly string[] {
  return nodesOf(machine.root)
    .filter(({ type }) => type !== 'compound')
    .map(pathOf);
}

/** The first substate of each compound state, by its path; the path of the root is ''. */
export function firstStatesOf(machine: AnyStateMachine): ReadonlyMap<string, string> {
  const compounds = nodesOf(machine.root).filter(({ type }) => type === 'compound');
  return new Map(compounds.map((node) => [pathOf(node), pathOf(node.initial.target[0] ?? node)]));
}

export function workOf(machine: AnyStateMachine): readonly StateWork[] {
  return nodesOf(machine.root)
    .map((node) => ({
      state: pathOf(node),
      runs: node.invoke.map(({ src }) => String(src)),
      entry: node.entry.filter(isOurs).map(nameOf),
      exit: node.exit.filter(isOurs).map(nameOf),
    }))
    .filter(({ runs, entry, exit }) => runs.length + entry.length + exit.length > 0);
}

/** XState implements delays by actions of its own; the transitions show them. */
function isOurs(action: unknown): boolean {
  return typeof action !== 'function' || !['raise', 'cancel'].includes(action.name);
}

function nodesOf(node: AnyStateNode): readonly AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((child) => nodesOf(child as AnyStateNode))];
}

function pathOf(node: AnyStateNode): string {
  return node.path.join('.');
}

function firstLeafOf(node: AnyStateNode): AnyStateNode {
  const first = node.type === 'compound' ? node.initial.target[0] : undefined;
  return first === undefined ? node : firstLeafOf(first);
}

function eventOf(node: AnyStateNode, descriptor: string): Pick<Arrow, 'event' | 'sent'> {
  const [, kind, rest = ''] = /^xstate\.(after|done\.actor|error\.actor|done\.state)\.(.*)$/.exec(descriptor) ?? [];
  if (kind === undefined) return { event: descriptor, sent: descriptor !== 'always' };
  if (kind === 'done.state') return { event: 'done', sent: false };
  if (kind === 'after') return { event: `after ${rest.slice(0, rest.length - node.id.length - 1)}`, sent: false };
  const child = node.invoke.find(({ id }) => id === rest)?.src ?? (rest === '*' ? 'any child' : rest);
  return { event: `${String(child)} ${kind === 'done.actor' ? 'done' : 'error'}`, sent: false };
}

/** `goingWell`, `settle(PAUSE, error)`; the source of a function that has no name. */
function nameOf(reference: unknown): string {
  if (typeof reference === 'string') return reference;
  if (typeof reference === 'function') return textOf(reference);
  const { type, params } = reference as { readonly type: string; readonly params?: unknown };
  const given: unknown = typeof params === 'function' ? params(SAMPLE) : params;
  const texts = Object.values(given ?? {}).filter((value) => typeof value === 'string');
  return texts.length === 0 ? type : `${type}(${texts.join(', ')})`;
}

function textOf(reference: { readonly name: string }): string {
  const inner: unknown = Reflect.get(reference, 'guards');
  if (Array.isArray(inner)) return `${reference.name}(${inner.map(nameOf).join(', ')})`;
  return String(reference)
    .replace(/^\([^)]*\)\s*=>\s*/, '')
    .replaceAll('"', "'")
    .replaceAll(/\s+/g, ' ');
}
