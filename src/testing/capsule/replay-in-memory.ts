import type { Capsule, CapsuleColumn } from '../../core/capsule.ts';
import { isEngineError } from '../../core/errors.ts';
import type { RowText } from '../../core/failure.ts';
import type { Projection } from '../../core/projection.ts';
import type { Row } from '../../core/statement.ts';
import { toIso } from '../../event-store/read.ts';
import { resultTypes } from '../../postgres/result-types.ts';
import { toEventFailed } from '../../projector/event-failure.ts';
import { MemoryTables } from '../memory/memory-tables.ts';
import { toStoredEvent } from './read-capsule.ts';
import { applied, failed, type Replay } from './replayed.ts';

const NUMERIC = 1700;
const TIMESTAMPTZ = 1184;

/** @throws EngineError TEST_NEEDS_POSTGRES for a handler with SQL of its own */
export function replayInMemory(projection: Projection, capsule: Capsule): Replay {
  const others = capsule.tables.filter(({ name }) => !projection.tables.has(name));
  const tables = new MemoryTables([
    projection,
    { tables: new Map(others.map(({ name, key, unique }) => [name, { key, unique }])) },
  ]);
  for (const { name, columns, rows } of capsule.tables) {
    for (const row of rows) tables.table(name).insert(toValues(columns, row), 'fail');
  }
  const rowsNow = () => new Map([...projection.tables.keys()].map((name) => [name, tables.table(name).rows()]));
  const before = rowsNow();
  const event = toStoredEvent(capsule.event);
  try {
    tables.apply(projection, event, true);
  } catch (error) {
    if (isEngineError(error, 'TEST_NEEDS_POSTGRES') || isEngineError(error, 'TEST_INVALID')) throw error;
    return failed('memory', toEventFailed(error, 0, event, null));
  }
  return applied('memory', projection.tables, before, rowsNow());
}

/** The values as a handler would pass them to a statement. */
function toValues(columns: readonly CapsuleColumn[], row: RowText): Row {
  return Object.fromEntries(columns.map(({ name, oid }) => [name, toValue(oid, row[name] ?? null)])) as Row;
}

function toValue(oid: number, text: string | null): unknown {
  if (text === null) return null;
  if (oid === TIMESTAMPTZ) return toIso(text);
  if (oid === NUMERIC) return Number.isFinite(Number(text)) ? Number(text) : text;
  return resultTypes.getTypeParser(oid)(text);
}
