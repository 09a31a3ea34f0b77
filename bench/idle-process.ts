import type { DatabaseAddress } from '../src/postgres/pool.ts';
import { startCaughtUp } from './catch-up.ts';
import { projections } from './projections.ts';

/**
 * A daemon in its own process, as in production. It sends `ready` when every event is applied, answers every message with
 * its resident memory in bytes, and ends when its parent ends.
 */
const address = JSON.parse(process.argv[2] ?? '{}') as DatabaseAddress;
const daemon = await startCaughtUp(address, projections);
process.on('message', () => process.send?.(process.memoryUsage.rss()));
process.on('disconnect', () => void daemon.stop().then(() => process.exit(0)));
process.send?.('ready');
