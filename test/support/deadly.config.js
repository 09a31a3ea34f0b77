import { writeSync } from 'node:fs';
import { create, defineProjection } from './dist/src/index.js';

const kept = [];

/** Ways in which a handler ends its process, by the payload of its event. */
const DEEDS = {
  nothing: () => undefined,
  exit: () => process.exit(7),
  memory: () => {
    for (;;) kept.push(new Array(1e6).fill(kept.length));
  },
  loop: () => {
    // Synchronously, so that no pending write is completed.
    writeSync(2, 'looping\n');
    for (;;) kept.length = 0;
  },
  leak: () => kept.push(Buffer.alloc(300 * 1024 * 1024, 1)),
  rejection: () => void Promise.reject(new Error('left behind')),
  timer: () =>
    void setTimeout(() => {
      throw new Error('left behind');
    }, 5),
};

const projection = (name, deed) =>
  defineProjection()({
    name,
    schema: `CREATE TABLE IF NOT EXISTS ${name} (position bigint PRIMARY KEY)`,
    tables: { [name]: { key: ['position'] } },
    on: {
      Done: ({ position, payload }) => {
        deed(payload);
        return create(name, { position });
      },
    },
  });

export const projections = [projection('deadly', ({ deed }) => DEEDS[deed]()), projection('calm', () => undefined)];
