import type { AnyStateMachine } from 'xstate';
import { type Arrow, arrowsOf, beginningsOf, doingsOf, leavesOf } from '../../machines/arrows.ts';

/**
 * Replaces what stands between `<!-- NAME: pictures -->` and `<!-- end -->`, and so on for `states` and `transitions`, by
 * what the machine of that name says now.
 * @throws Error when a machine has no such place
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
      const place = new RegExp(`(<!-- ${name}: ${part} -->)[^]*?(<!-- end -->)`);
      if (!place.test(result)) throw new Error(`there is no place for the ${part} of ${name}`);
      result = result.replace(place, (_, begin: string, end: string) => `${begin}\n\n${content}\n\n${end}`);
    }
  }
  return result;
}

/**
 * The states at the top with one arrow for all transitions that lead the same way, then the inside of each that has
 * substates: everything in one picture could not be read, and Mermaid draws no arrow from a substate to one elsewhere.
 * @param leaveOut events and guards whose arrows are not drawn
 */
export function pictures(machine: AnyStateMachine, leaveOut: readonly string[]): string {
  const lastAllocated = arrowsOf(machine).flatMap((arrow) => {
    const { event, guard, target } = arrow;
    const isLeftOut = leaveOut.includes(event) || (guard !== null && leaveOut.includes(guard));
    return target === null || isLeftOut ? [] : [{ from: arrow.from, to: target, label: labelOf(arrow) }];
  });
  const leaves = leavesOf(machine);
  return [...beginningsOf(machine)]
    .map(([path, begin]) => {
      const depth = path === '' ? 1 : path.split('.').length + 1;
      const within = (state: string) => path === '' || state.startsWith(`${path}.`);
      const ways = lastAllocated
        .filter(({ from, to }) => within(from) && within(to))
        .map(({ from, to, label }) => ({ from: cutAt(from, depth), to: cutAt(to, depth), label }));
      // What stays inside of a substate is drawn there.
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

/** Of an outcome its own name: `ended(caught-up)` is `caught-up`. */
function labelOf({ event, guard }: Arrow): string {
  return guard === null ? event : (/\((?:.*, )?([^,)]+)\)$/.exec(guard)?.[1] ?? guard);
}

function idOf(path: string): string {
  return path.replaceAll('-', '').replaceAll('.', '_');
}

/** Every state against every event that can be sent: where it leads, `noted` when it stays, `-` when nothing happens. */
export function matrix(machine: AnyStateMachine): string {
  const arrows = arrowsOf(machine);
  const events = [...new Set(arrows.filter(({ sent }) => sent).map(({ event }) => event))];
  const rows = leavesOf(machine).map((leaf) => [code(leaf), ...events.map((event) => cell(arrows, leaf, event))]);
  return table([['state', ...events.map(code)], ...rows]);
}

/** What a state does not take its parents may. */
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
  const rows = doingsOf(machine).map(({ state, runs, entry, exit }) => [
    code(state),
    ...[runs, entry, exit].map(codes),
  ]);
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

/** With padded cells, as the formatter leaves it. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const [title = '', ...others] = rows.map(
    (row) => `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  return [title, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...others].join('\n');
}
