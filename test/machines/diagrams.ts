import type { AnyStateMachine } from 'xstate';
import { type Arrow, arrowsOf, firstStatesOf, leavesOf, workOf } from '../../machines/arrows.ts';

/**
 * Replaces the text between `<!-- NAME: pictures -->` and `<!-- end -->`, and likewise for `states`, `operations` and
 * `transitions`, by that of the present machine of this name.
 * @throws Error when the text has no such comment for a machine
 */
export function withDiagrams(
  text: string,
  machines: ReadonlyMap<string, { readonly machine: AnyStateMachine; readonly leaveOut: readonly string[] }>,
): string {
  let result = text;
  for (const [name, { machine, leaveOut }] of machines) {
    const parts = {
      pictures: pictures(machine, leaveOut),
      states: matrix(machine),
      operations: operations(machine),
      transitions: transitions(machine),
    };
    for (const [part, content] of Object.entries(parts)) {
      const between = new RegExp(`(<!-- ${name}: ${part} -->)[^]*?(<!-- end -->)`);
      if (!between.test(result)) throw new Error(`there is no comment for the ${part} of ${name}`);
      result = result.replace(between, (_, begin: string, end: string) => `${begin}\n\n${content}\n\n${end}`);
    }
  }
  return result;
}

/**
 * The top-level states with one arrow for all transitions between the same two states, then the inside of each state that
 * has substates: one picture of everything would be unreadable, and Mermaid draws no arrow from a substate into another state.
 * @param leaveOut events and guards whose arrows are not drawn
 */
export function pictures(machine: AnyStateMachine, leaveOut: readonly string[]): string {
  const drawn = arrowsOf(machine).flatMap((arrow) => {
    const { event, guard, target } = arrow;
    const isLeftOut = leaveOut.includes(event) || (guard !== null && leaveOut.includes(guard));
    return target === null || isLeftOut ? [] : [{ from: arrow.from, to: target, label: labelOf(arrow) }];
  });
  const leaves = leavesOf(machine);
  return [...firstStatesOf(machine)]
    .map(([path, begin]) => {
      const depth = path === '' ? 1 : path.split('.').length + 1;
      const within = (state: string) => path === '' || state.startsWith(`${path}.`);
      const ways = drawn
        .filter(({ from, to }) => within(from) && within(to))
        .map(({ from, to, label }) => ({ from: cutAt(from, depth), to: cutAt(to, depth), label }));
      // An arrow inside of a substate is drawn there.
      const shown = ways.filter(({ from, to }) => from !== to || leaves.includes(from));
      const title = path === '' ? '' : `Inside \`${path}\`:\n\n`;
      const states = [...new Set(leaves.filter(within).map((leaf) => cutAt(leaf, depth)))];
      return title + diagram(begin, states, shown);
    })
    .join('\n\n');
}

function diagram(
  begin: string,
  states: readonly string[],
  ways: readonly { readonly from: string; readonly to: string; readonly label: string }[],
): string {
  const labels = new Map<string, Set<string>>();
  for (const { from, to, label } of ways) {
    const way = `${idOf(from)} --> ${idOf(to)}`;
    labels.set(way, (labels.get(way) ?? new Set()).add(label));
  }
  return [
    '```mermaid',
    'stateDiagram-v2',
    '  direction LR',
    ...states.map((state) => `  state "${state.split('.').at(-1)}" as ${idOf(state)}`),
    `  [*] --> ${idOf(begin)}`,
    ...[...labels].map(([way, texts]) => `  ${way}: ${[...texts].join(', ')}`),
    '```',
  ].join('\n');
}

function cutAt(path: string, depth: number): string {
  return path.split('.').slice(0, depth).join('.');
}

/** An outcome is labelled by its name: `ended(caught-up)` is `caught-up`. */
function labelOf({ event, guard }: Arrow): string {
  return guard === null ? event : (/\((?:.*, )?([^,)]+)\)$/.exec(guard)?.[1] ?? guard);
}

function idOf(path: string): string {
  return path.replaceAll('-', '').replaceAll('.', '_');
}

/** For each state and each event that can be sent: the target, `noted` when the state stays, `-` when nothing happens. */
export function matrix(machine: AnyStateMachine): string {
  const arrows = arrowsOf(machine);
  const events = [...new Set(arrows.filter(({ sent }) => sent).map(({ event }) => event))];
  const rows = leavesOf(machine).map((leaf) => [code(leaf), ...events.map((event) => cell(arrows, leaf, event))]);
  return table([['state', ...events.map(code)], ...rows]);
}

/** An event that a state does not handle may be handled by its parents. */
function cell(arrows: readonly Arrow[], leaf: string, event: string): string {
  const path = leaf.split('.');
  for (let depth = path.length; depth >= 0; depth--) {
    const from = path.slice(0, depth).join('.');
    const found = arrows.filter((arrow) => arrow.from === from && arrow.event === event);
    if (found.length > 0) {
      return [...new Set(found.map(({ target }) => (target === null ? 'noted' : code(target))))].join(' or ');
    }
  }
  return '-';
}

function operations(machine: AnyStateMachine): string {
  const rows = workOf(machine).map(({ state, runs, entry, exit }) => [code(state), ...[runs, entry, exit].map(codes)]);
  return table([['state', 'runs', 'on entry', 'on exit'], ...rows]);
}

/** Every transition; those of one event in the order in which they are tried. */
export function transitions(machine: AnyStateMachine): string {
  const rows = arrowsOf(machine).map(({ from, event, guard, target, actions }) => [
    from === '' ? '(any)' : code(from),
    event.startsWith('after ') || event.includes(' ') ? event : code(event),
    guard === null ? '' : code(guard),
    target === null ? 'stays' : code(target),
    codes(actions),
  ]);
  return table([['state', 'event', 'guard', 'target', 'actions'], ...rows]);
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

function codes(texts: readonly string[]): string {
  return texts.map(code).join(', ');
}

/** With padded cells, as the formatter writes them. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const [title = '', ...others] = rows.map(
    (row) => `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  return [title, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...others].join('\n');
}
