import type { ConformanceCase } from './conformance/fixture.ts';
import { operationsCases } from './conformance/operation-cases.ts';
import { statementCases } from './conformance/statement-cases.ts';

export type { Backend, Stage, TestRow } from './backend.ts';
export { type CapsuleEvents, capsuleEvents } from './capsule/read-capsule.ts';
export { type ReplayOptions, replayCapsule } from './capsule/replay-capsule.ts';
export type { Replay } from './capsule/replayed.ts';
export type { ConformanceCase } from './conformance/fixture.ts';
export type { ExpectedTables } from './expect.ts';
export {
  createMemoryKit,
  createTestKit,
  type MemoryKit,
  type PostgresSpec,
  type TestKit,
  type TestKitOptions,
} from './kit.ts';
export { createMemoryBackend, createMemoryStage } from './memory/memory-backend.ts';
export type { TestTransaction } from './postgres/test-transaction.ts';
export type { Spec, SpecGiven, SpecOptions } from './spec.ts';
export type { SpecThen } from './spec-then.ts';
export type { CompleteEvent, EventOf, TestEvent } from './test-event.ts';

/** The requirements of every backend, in memory and on PostgreSQL. */
export const conformance: readonly ConformanceCase[] = [...operationsCases, ...statementCases];
