import type { Capsule } from '../../core/capsule.ts';
import { isEngineError } from '../../core/errors.ts';
import type { Projection } from '../../core/projection.ts';
import { createTestKit, type TestKit } from '../kit.ts';
import { readCapsule } from './read-capsule.ts';
import { replayInMemory } from './replay-in-memory.ts';
import type { Replay } from './replayed.ts';

export interface ReplayOptions {
  /**
   * 'memory': without a database, which knows nothing of types, NOT NULL, checks and triggers. A kit: on its PostgreSQL.
   * Default: in memory if the event failed without the database's doing and the handler is made of statements, else on
   * PostgreSQL, by a kit of its own.
   */
  readonly on?: 'memory' | TestKit;
}

/**
 * Applies the event of a capsule to the rows that were there when it failed, with this projection's handler.
 * @param capsule what `projectionist failures export` wrote, as `JSON.parse` reads it
 * @throws EngineError TEST_INVALID, TEST_NEEDS_POSTGRES, TEST_DATABASE
 */
export async function replayCapsule(
  projection: Projection,
  capsule: unknown,
  { on }: ReplayOptions = {},
): Promise<Replay> {
  const read = readCapsule(capsule, projection);
  if (on === 'memory') return replayInMemory(projection, read);
  if (on !== undefined) return await on.for(projection).replay(read);
  if (!isOfTheDatabase(read)) {
    try {
      return replayInMemory(projection, read);
    } catch (error) {
      if (!isEngineError(error, 'TEST_NEEDS_POSTGRES')) throw error;
    }
  }
  await using kit = createTestKit();
  return await kit.for(projection).replay(read);
}

/** What the database refused, memory might let pass. */
function isOfTheDatabase({ failure, attempt }: Capsule): boolean {
  return failure.sqlstate !== null || attempt.sqlstate !== null;
}
