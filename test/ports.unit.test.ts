import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const root = new URL('../', import.meta.url);

/** The only file that may ask the system for the time, for a timer or for a random number; the others are given a Clock. */
const ADAPTER = 'src/core/clock.ts';

/** `new Date(value)` and `Date.UTC` compute and do not read the clock. `timers/promises` counts where it is imported. */
const PORTED =
  /\bMath\.random\b|\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bprocess\.hrtime\b|\b(?:setTimeout|setInterval|setImmediate)\b|\bAbortSignal\.timeout\b/g;

/**
 * Files that do not take a Clock yet, with how often they use the system's. The list only gets shorter: give the file a
 * Clock and lower its number, or remove its line.
 */
const REMAINING: Readonly<Record<string, number>> = {
  'src/cli/daemon-file.ts': 1,
  'src/cli/poll.ts': 1,
  'src/cli/send.ts': 1,
  'src/cli/settled.ts': 2,
  'src/cli/start/announce-daemon.ts': 1,
  'src/cli/start/memory-limit.ts': 1,
  'src/cli/start/npm-parent.ts': 1,
  'src/cli/start/progress.ts': 2,
  'src/cli/start/shutdown.ts': 2,
  'src/cli/start/watchdog.ts': 1,
  'src/cli/verbs/reset-verb.ts': 1,
  'src/cli/verbs/watch-verb.ts': 2,
  'src/cli/watch-states.ts': 3,
  'src/config/load-projections.ts': 1,
  'src/core/signals.ts': 1,
  'src/daemon/actors.ts': 1,
  'src/daemon/background-tasks.ts': 1,
  'src/daemon/broker-pushes.ts': 2,
  'src/daemon/database-availability.ts': 1,
  'src/daemon/halt-notifier.ts': 1,
  'src/daemon/halt-webhook.ts': 2,
  'src/daemon/metrics.ts': 1,
  'src/daemon/prepare-database.ts': 2,
  'src/daemon/status.ts': 1,
  'src/daemon/transition-log.ts': 2,
  'src/daemon/wait-for-position.ts': 2,
  'src/dashboard/announcer.ts': 1,
  'src/dashboard/daemon-client.ts': 1,
  'src/dashboard/header.ts': 1,
  'src/dashboard/inspection-socket.ts': 2,
  'src/dashboard/inspection.ts': 1,
  'src/dashboard/list/table.ts': 1,
  'src/dashboard/main.ts': 1,
  'src/dashboard/polling.ts': 3,
  'src/dashboard/projection/facts.ts': 1,
  'src/dashboard/projection/failure-card.ts': 1,
  'src/dashboard/projection/history.ts': 2,
  'src/dashboard/projection/projection-view.ts': 1,
  'src/embedded/data-folder.ts': 2,
  'src/embedded/start-when-free.ts': 5,
  'src/embedded/supervisor.ts': 2,
  'src/embedded/wait.ts': 3,
  'src/http/listen.ts': 2,
  'src/http/rate-limit.ts': 1,
  'src/operations/command-inbox.ts': 3,
  'src/operations/dry-run/dry-run.ts': 2,
  'src/operations/reset.ts': 4,
  'src/projector/apply-in-one-round-trip.ts': 2,
  'src/projector/apply-in-order.ts': 4,
  'src/projector/fold/fold-page.ts': 4,
  'src/projector/high-water-mark-cache.ts': 1,
  'src/projector/lock-watch.ts': 4,
  'src/projector/page-deadline.ts': 2,
  'src/projector/pipeline.ts': 2,
  'src/projector/progress.ts': 1,
  'src/projector/run-loop.ts': 1,
  'src/testing/postgres/postgres-backend.ts': 1,
  'src/testing/timed-mutex.ts': 1,
};

/** Blanks comments, so that they may name what the code must not use. A `//` inside a string blanks its rest: no use hides there. */
function usesIn(text: string): number {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(?<!:)\/\/.*$/gm, '');
  return [...code.matchAll(PORTED)].length;
}

async function uses(): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const folder of ['machines', 'src']) {
    const entries = (await readdir(new URL(`${folder}/`, root), { recursive: true })).sort();
    for (const entry of entries.map((name) => name.replaceAll('\\', '/')).filter((name) => /\.tsx?$/.test(name))) {
      const path = `${folder}/${entry}`;
      const count = usesIn(await readFile(new URL(path, root), 'utf8'));
      if (path !== ADAPTER && count > 0) found.set(path, count);
    }
  }
  return found;
}

test('only src/core/clock.ts uses Date, timers and Math.random, but for the files of a list that gets shorter', async () => {
  const found = await uses();
  const paths = [...new Set([...found.keys(), ...Object.keys(REMAINING)])].sort();
  const wrong = paths.flatMap((path) => {
    const [count, listed] = [found.get(path) ?? 0, REMAINING[path] ?? 0];
    if (count > listed) return [`${path} uses the system's clock or randomness ${count} times, ${listed} are listed`];
    return count < listed ? [`${path} is listed with ${listed} uses and has ${count}: lower the number`] : [];
  });
  expect(wrong).toEqual([]);
});

test.each([
  ['Math.random()', 1],
  ['const since = new Date();', 1],
  ['Date.now() - performance.now()', 2],
  ["import { setTimeout as pause } from 'node:timers/promises';", 1],
  ['AbortSignal.timeout(30_000)', 1],
  ['new Date(at).toISOString(); Date.UTC(2026, 1)', 0],
  ['// setTimeout keeps the process alive\n/** `Date.now` */', 0],
  ["fetch('http://a'); setInterval(run)", 1],
])('%j has %i uses', (text, count) => {
  expect(usesIn(text)).toBe(count);
});
