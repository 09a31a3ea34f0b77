import { CAPSULE_VERSION, type Capsule } from '../../core/capsule.ts';
import { EngineError } from '../../core/errors.ts';
import { readSurroundingEvents } from '../../event-store/surrounding-events.ts';
import { readCapsuleTables } from './capsule-tables.ts';
import { findProjection, inTry, readStateSummary, reportOf, type TryPlace } from './dry-run.ts';
import { observed } from './recorded-handlers.ts';

/** A daemon's place, and the version of this package. */
export interface CapsulePlace extends TryPlace {
  readonly version: string;
}

/**
 * Everything about the event a projection stands before that a test needs to make it fail again. Made by a try of it.
 * @throws as `tryFailed`
 */
export async function makeCapsule(place: CapsulePlace, name: string, signal: AbortSignal): Promise<Capsule> {
  const { projections } = place;
  const projection = findProjection(projections, name);
  return await inTry(place, name, signal, async (sql, giveUp) => {
    const standing = await readStateSummary(sql, name);
    const watched = observed(projection);
    const report = await reportOf(sql, { projection: watched.projection, projections, standing, giveUp });
    const { outcome, error, code, sqlstate, statements, moreStatements } = report;
    const handles = [...projection.handlers.keys()].sort();
    const around = await readSurroundingEvents(sql, standing.event, handles);
    if (around === null) throw new EngineError('NOTHING_FAILED', { name, reason: 'its event was removed just now' });
    return {
      capsule: CAPSULE_VERSION,
      engine: place.version,
      projection: { name, version: projection.version, handles },
      event: around.event,
      stream: { before: around.before, after: around.after },
      handledBefore: around.handledBefore,
      failure: standing.failure,
      attempt: { outcome, error, code, sqlstate, statements, moreStatements },
      tables: await readCapsuleTables(sql, watched, projections, report.changes),
    };
  });
}
