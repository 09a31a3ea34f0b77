import { CAPSULE_VERSION, type Capsule } from '../../core/capsule.ts';
import { EngineError } from '../../core/errors.ts';
import { readSurroundingEvents } from '../../event-store/surrounding-events.ts';
import { type DryRunEnvironment, dryRun, findProjection, readFailedEvent, withOwnConnections } from './dry-run.ts';
import { recordHandlers } from './recording-handlers.ts';
import { readSnapshotTables } from './snapshot-tables.ts';

export interface SnapshotEnvironment extends DryRunEnvironment {
  /** The version of this package. */
  readonly version: string;
}

/**
 * Makes the failure snapshot of a projection: everything that a test needs to make its failed event fail again. A dry run
 * of the event finds the rows that it needs.
 * @throws as `tryFailed`
 */
export async function makeFailureSnapshot(
  environment: SnapshotEnvironment,
  name: string,
  signal: AbortSignal,
): Promise<Capsule> {
  const { projections } = environment;
  const projection = findProjection(projections, name);
  return await withOwnConnections(environment, name, signal, async (sql, giveUp) => {
    const failed = await readFailedEvent(sql, name);
    const recording = recordHandlers(projection);
    const report = await dryRun(sql, { projection: recording.projection, projections, failed, giveUp });
    const { outcome, error, code, sqlstate, statements, moreStatements } = report;
    const handles = [...projection.handlers.keys()].sort();
    const around = await readSurroundingEvents(sql, failed.event, handles);
    if (around === null) throw new EngineError('NOTHING_FAILED', { name, reason: 'its event was removed just now' });
    return {
      capsule: CAPSULE_VERSION,
      engine: environment.version,
      projection: { name, version: projection.version, handles },
      event: around.event,
      stream: { before: around.before, after: around.after },
      handledBefore: around.handledBefore,
      failure: failed.failure,
      attempt: { outcome, error, code, sqlstate, statements, moreStatements },
      tables: await readSnapshotTables(sql, recording, projections, report.changes),
    };
  });
}
