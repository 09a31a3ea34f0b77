import { create, defineProjection, type EventShape } from '../src/index.ts';
import type { DatabaseAddress } from '../src/postgres/pool.ts';
import { startCaughtUp } from './catch-up.ts';

/** A thousand projections of an event type that is never appended. */
const projections = Array.from({ length: 1000 }, (_, index) => {
  const name = `idle_${index}`;
  return defineProjection<EventShape>()({
    name,
    tables: { [name]: { key: ['position'] } },
    on: { Rare: ({ position }) => create(name, { position }) },
  });
});

/** A daemon in its own process. It sends `ready`, and answers every message with the CPU time that it has used, in microseconds. */
const address = JSON.parse(process.argv[2] ?? '{}') as DatabaseAddress;
const daemon = await startCaughtUp(address, projections);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.(user + system);
});
process.on('disconnect', () => void daemon.stop().then(() => process.exit(0)));
process.send?.('ready');
