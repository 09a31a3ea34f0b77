import type { AnyStateMachine, AnyStateNode } from 'xstate';

/** A timer that is set to more than this fires at once. */
const LONGEST_MS = 2 ** 31 - 1;

interface Implementations {
  readonly actors: Readonly<Record<string, unknown>>;
  readonly actions: Readonly<Record<string, unknown>>;
  readonly guards: Readonly<Record<string, unknown>>;
  readonly delays: Readonly<Record<string, unknown>>;
}

/**
 * Walks a machine and lists the traps of XState that it has: none of these is a type error, and most are silent at run
 * time. (An unknown target needs no check: XState refuses to create the machine.)
 * @param contexts some with which the delays reach their limits
 */
export function trapsOf(machine: AnyStateMachine, contexts: readonly unknown[] = []): readonly string[] {
  const { actors, actions, guards, delays } = machine.implementations as unknown as Implementations;
  const traps: string[] = [];

  for (const [name, delay] of Object.entries(delays)) {
    const values = typeof delay === 'function' ? contexts.map((context) => delay({ context, event: {} })) : [delay];
    for (const ms of values) checkDelay(`delay ${name}`, ms);
  }
  for (const node of nodesOf(machine.root)) {
    const at = node.path.join('.') || '(root)';
    if (node.type === 'compound' && !Object.keys(node.states).includes(String(node.config.initial)))
      traps.push(`${at}: no first state ${String(node.config.initial)}`);
    for (const invoke of node.config.invoke === undefined ? [] : [node.config.invoke].flat()) {
      if (typeof invoke.src === 'string' && !(invoke.src in actors)) traps.push(`${at}: no actor ${invoke.src}`);
      if (invoke.onDone === undefined) traps.push(`${at}: invoke without onDone`);
      if (invoke.onError === undefined) traps.push(`${at}: invoke without onError`);
    }
    for (const delay of Object.keys(node.config.after ?? {})) {
      if (/^\d+$/.test(delay)) checkDelay(`${at}: after`, Number(delay));
      else if (!(delay in delays)) traps.push(`${at}: no delay ${delay}, it would fire at once`);
    }
    for (const action of [...node.entry, ...node.exit]) checkAction(at, action);
    for (const transition of [...node.transitions.values()].flat().concat(node.always ?? [])) {
      checkGuard(at, transition.guard);
      for (const action of transition.actions) checkAction(at, action);
    }
    if (loops(node)) traps.push(`${at}: always leads back to itself`);
  }
  return traps;

  function checkDelay(what: string, ms: unknown): void {
    if (typeof ms !== 'number' || !(ms >= 0)) traps.push(`${what} is ${String(ms)} ms`);
    else if (ms > LONGEST_MS) traps.push(`${what} is ${ms} ms, it would fire at once`);
  }

  function checkAction(at: string, action: unknown): void {
    const name = nameOf(action);
    if (name !== null && !name.startsWith('xstate.') && !(name in actions)) traps.push(`${at}: no action ${name}`);
  }

  function checkGuard(at: string, guard: unknown): void {
    if (guard === undefined) return;
    // and(), or() and not() are functions with a property that holds their guards.
    const inner: unknown = typeof guard === 'function' ? Reflect.get(guard, 'guards') : undefined;
    if (Array.isArray(inner)) for (const one of inner) checkGuard(at, one);
    const name = nameOf(guard);
    if (name !== null && !(name in guards)) traps.push(`${at}: no guard ${name}`);
  }
}

function nameOf(reference: unknown): string | null {
  if (typeof reference === 'string') return reference;
  if (typeof reference === 'function' || typeof reference !== 'object' || reference === null) return null;
  const type: unknown = Reflect.get(reference, 'type');
  return typeof type === 'string' ? type : null;
}

function nodesOf(node: AnyStateNode): readonly AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((child) => nodesOf(child as AnyStateNode))];
}

/** Whether `always` alone can lead back to this state, whatever the guards: the event loop would be blocked for ever. */
function loops(start: AnyStateNode): boolean {
  const seen = new Set<AnyStateNode>();
  const next = [start];
  for (let node = next.pop(); node !== undefined; node = next.pop()) {
    for (const transition of node.always ?? []) {
      // Without a target the state does not change and the transition is taken again.
      for (const target of transition.target ?? [node]) {
        for (const entered of entersOf(target)) {
          if (entered === start) return true;
          if (!seen.has(entered)) next.push(entered);
          seen.add(entered);
        }
      }
    }
  }
  return false;
}

function entersOf(node: AnyStateNode): readonly AnyStateNode[] {
  return [node, ...node.initial.target.flatMap((child) => (child === node ? [] : entersOf(child)))];
}
