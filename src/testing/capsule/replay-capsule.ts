import type { Capsule } from '../../core/capsule.ts';
import { isEngineError } from '../../core/errors.ts';
import type { Projection } from '../../core/projection.ts';
import { createTestKit, type TestKit } from '../kit.ts';
import { readCapsule } from './read-capsule.ts';
import { replayInMemory } from './replay-in-memory.ts';
import type { Replay } from './replayed.ts';

export interface ReplayOptions {
  /**
   * 'memory': without a database; column types, NOT NULL, checks and triggers are not applied. A kit: on its PostgreSQL.
   * Default: in memory if no SQLSTATE was recorded for the failure and the handler returns statements; otherwise on
   * PostgreSQL, by a kit that is created for this replay.
   */
  readonly on?: 'memory' | TestKit;
}

/**
 * Applies the event of a failure snapshot to the rows of the snapshot, with this projection's handler.
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
  if (!failedInDatabase(read)) {
    try {
      return replayInMemory(projection, read);
    } catch (error) {
      if (!isEngineError(error, 'TEST_NEEDS_POSTGRES')) throw error;
    }
  }
  await using kit = createTestKit();
  return await kit.for(projection).replay(read);
}

/** In memory a statement that the database refused may be applied. */
function failedInDatabase({ failure, attempt }: Capsule): boolean {
  return failure.sqlstate !== null || attempt.sqlstate !== null;
}
