import { projections } from '../../examples/dancefinder/projectionist.config.ts';
import { createDaemon, defineProjection, type EventShape, type Projection } from '../../src/index.ts';
import type { VictimMessage, VictimOrder, VictimPlan } from './victim-plan.ts';
import { witnesses } from './witnesses.ts';

/** A daemon in its own process, which may kill itself in the middle of a page. `victims.ts` starts it. */
const plan = JSON.parse(process.argv[2] ?? '') as VictimPlan;
let hits = 0;

function sleeper(seconds: number): Projection {
  return defineProjection<EventShape>()({
    name: 'sleeper',
    schema: 'CREATE TABLE IF NOT EXISTS sleeper (id int PRIMARY KEY)',
    tables: { sleeper: { key: ['id'] } },
    on: {
      Slept: async (_, { tx }) => {
        await tx`SELECT pg_sleep(${seconds})`;
      },
    },
  });
}

const daemon = createDaemon({
  projections: [...projections, ...witnesses, ...(plan.sleepSeconds === undefined ? [] : [sleeper(plan.sleepSeconds)])],
  database: { url: plan.url },
  bulkLimit: plan.bulkLimit,
  retryFailedAfterMs: 20,
  failpoint: (point) => {
    if (point !== plan.killAt?.point) return;
    hits += 1;
    if (hits === plan.killAt.hit) process.kill(process.pid, 'SIGKILL');
  },
});

function tell(message: VictimMessage): void {
  // The parent may have ended; then this process ends in a moment.
  process.send?.(message, () => undefined);
}

process.on('message', (order: VictimOrder) => {
  if (order.kind === 'reset') {
    daemon.send(order.name, 'RESET').then(
      (outcome) => tell({ kind: 'reset', name: order.name, outcome: outcome.kind }),
      () => tell({ kind: 'reset', name: order.name, outcome: 'unknown' }),
    );
  } else void daemon.stop().then(() => process.disconnect());
});
process.on('disconnect', () => process.exit(0));

await daemon.start();
tell({ kind: 'started' });
