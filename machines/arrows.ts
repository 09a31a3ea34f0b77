import type { AnyStateMachine, AnyStateNode } from 'xstate';

/** One transition as a machine has it, in words. */
export interface Arrow {
  /** Path of the state that has it: `idle.opening`. */
  readonly from: string;
  /** `START`, `after backoff`, `open done`, `open error`. */
  readonly event: string;
  /** Whether somebody sends the event; else it is an answer, a timer or a child's end. */
  readonly sent: boolean;
  /** Name of the guard, with the texts it is given in brackets; null when there is none. */
  readonly guard: string | null;
  /** Path of the state in which it comes to rest; null when the state stays as it is. */
  readonly target: string | null;
  readonly actions: readonly string[];
}

/** What a state does by itself. */
export interface Doing {
  readonly state: string;
  /** Its operations. */
  readonly runs: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
}

/** What the machine's own functions get when they are asked for their parameters: what is there is shown by its name. */
const SAMPLE = {
  context: {},
  event: { output: { kind: 'outcome', status: undefined, detail: 'detail' }, error: 'error', actorId: 'actorId' },
};

/** Every transition of a machine: states in the order they are written, those of one event in the order they are tried. */
export function arrowsOf(machine: AnyStateMachine): readonly Arrow[] {
  return nodesOf(machine.root).flatMap((node) =>
    [...node.transitions, ['always', node.always ?? []] as const].flatMap(([descriptor, transitions]) =>
      transitions.map((transition) => ({
        from: pathOf(node),
        ...eventOf(node, descriptor),
        guard: transition.guard === undefined ? null : nameOf(transition.guard),
        target: transition.target?.[0] === undefined ? null : pathOf(restOf(transition.target[0])),
        actions: transition.actions.map(nameOf),
      })),
    ),
  );
}

/** The states a machine can rest in. */
export function leavesOf(machine: AnyStateMachine): readonly string[] {
  return nodesOf(machine.root)
    .filter(({ type }) => type !== 'compound')
    .map(pathOf);
}

/** Where each compound state begins, by its path; the root's is ''. */
export function beginningsOf(machine: AnyStateMachine): ReadonlyMap<string, string> {
  const compounds = nodesOf(machine.root).filter(({ type }) => type === 'compound');
  return new Map(compounds.map((node) => [pathOf(node), pathOf(node.initial.target[0] ?? node)]));
}

export function doingsOf(machine: AnyStateMachine): readonly Doing[] {
  return nodesOf(machine.root)
    .map((node) => ({
      state: pathOf(node),
      runs: node.invoke.map(({ src }) => String(src)),
      entry: node.entry.filter(isOurs).map(nameOf),
      exit: node.exit.filter(isOurs).map(nameOf),
    }))
    .filter(({ runs, entry, exit }) => runs.length + entry.length + exit.length > 0);
}

/** XState sets up a state's delays by actions of its own, whose arrows say enough. */
function isOurs(action: unknown): boolean {
  return typeof action !== 'function' || !['raise', 'cancel'].includes(action.name);
}

function nodesOf(node: AnyStateNode): readonly AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((child) => nodesOf(child as AnyStateNode))];
}

function pathOf(node: AnyStateNode): string {
  return node.path.join('.');
}

function restOf(node: AnyStateNode): AnyStateNode {
  const first = node.type === 'compound' ? node.initial.target[0] : undefined;
  return first === undefined ? node : restOf(first);
}

function eventOf(node: AnyStateNode, descriptor: string): Pick<Arrow, 'event' | 'sent'> {
  const [, kind, rest = ''] = /^xstate\.(after|done\.actor|error\.actor|done\.state)\.(.*)$/.exec(descriptor) ?? [];
  if (kind === undefined) return { event: descriptor, sent: descriptor !== 'always' };
  if (kind === 'done.state') return { event: 'done', sent: false };
  if (kind === 'after') return { event: `after ${rest.slice(0, rest.length - node.id.length - 1)}`, sent: false };
  const child = node.invoke.find(({ id }) => id === rest)?.src ?? (rest === '*' ? 'any child' : rest);
  return { event: `${String(child)} ${kind === 'done.actor' ? 'done' : 'error'}`, sent: false };
}

/** `goingWell`, `settle(PAUSE, error)`; the text of a function that has no name. */
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
