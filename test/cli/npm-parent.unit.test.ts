import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ProcessInfo, watchNpmParent } from '../../src/cli/start/npm-parent.ts';

const NPM = 10;
const SHELL = 20;
const SCRIPT = 'projectionist start 2>&1';
const npm = { command: 'npm exec projectionist start ', ppid: 1 };
const byShell = new Map<number, ProcessInfo>([
  [NPM, npm],
  [SHELL, { command: `sh -c ${SCRIPT} `, ppid: NPM }],
]);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

interface Case {
  readonly ppid: number;
  readonly processes: ReadonlyMap<number, ProcessInfo>;
  readonly script?: string | undefined;
}

function watched({ ppid, processes, script }: Case) {
  const child = { env: { npm_lifecycle_script: script }, ppid };
  const alive = new Set(processes.keys());
  let ended = 0;
  const end = watchNpmParent({
    child,
    infoOf: (pid) => processes.get(pid) ?? null,
    isAlive: (pid) => alive.has(pid),
    onEnded: () => {
      ended += 1;
    },
  });
  const later = (): number => {
    vi.advanceTimersByTime(5_000);
    return ended;
  };
  return { child, alive, end, later };
}

// Seen red with: `isAlive` not called; the parents not compared; `clearInterval` left out of the timer; the parent of the
// shell not read.
describe('the end of the npm that started the daemon is reported', () => {
  it('once, after the end of its shell', () => {
    const { child, later } = watched({ ppid: SHELL, processes: byShell, script: SCRIPT });
    expect(later()).toBe(0);
    child.ppid = 1;
    expect(later()).toBe(1);
  });

  it('once, after its own end while the shell lives', () => {
    const { alive, later } = watched({ ppid: SHELL, processes: byShell, script: SCRIPT });
    alive.delete(NPM);
    expect(later()).toBe(1);
  });

  it('when no shell is between', () => {
    const { child, later } = watched({ ppid: NPM, processes: byShell, script: `tsc && exec ${SCRIPT}` });
    child.ppid = 1;
    expect(later()).toBe(1);
  });
});

// Seen red with: `isDetached` returning false; `sh -c` not required.
describe('no end is reported', () => {
  it.each<[string, Case]>([
    ['without npm', { ppid: NPM, processes: byShell }],
    ['after setsid', { ppid: SHELL, processes: byShell, script: `setsid ${SCRIPT}` }],
    ['after nohup', { ppid: SHELL, processes: byShell, script: `nohup ${SCRIPT}` }],
    ['in the background', { ppid: SHELL, processes: byShell, script: `${SCRIPT} & echo up` }],
    ['by the init process', { ppid: 1, processes: byShell, script: SCRIPT }],
    [
      'by a script that npm runs',
      { ppid: 30, processes: new Map([...byShell, [30, { command: 'bash up.sh ', ppid: NPM }]]), script: 'bash up.sh' },
    ],
  ])('%s', (_how, given) => {
    const { child, alive, later } = watched(given);
    child.ppid = 99;
    alive.clear();
    expect(later()).toBe(0);
  });

  it('after the end', () => {
    const { child, end, later } = watched({ ppid: SHELL, processes: byShell, script: SCRIPT });
    end();
    child.ppid = 1;
    expect(later()).toBe(0);
  });
});
