export { type CapsuleEvents, capsuleEvents } from './capsule/read-capsule.ts';
export { type ReplayOptions, replayCapsule } from './capsule/replay-capsule.ts';
export type { Replay } from './capsule/replayed.ts';
export type { ConformanceCase } from './conformance/fixture.ts';
export { conformance } from './conformance.ts';
export type { ExpectedTables } from './expect.ts';
export {
  createMemoryKit,
  createTestKit,
  type MemoryKit,
  type PostgresSpec,
  type TestKit,
  type TestKitOptions,
} from './kit.ts';
export { createMemoryStage } from './memory/memory-stage.ts';
export type { TestTransaction } from './postgres/rolled-back.ts';
export type { Spec, SpecGiven, SpecOptions } from './spec.ts';
export type { SpecThen } from './spec-then.ts';
export type { Stage, TestRow } from './stage.ts';
export type { CompleteEvent, EventOf, TestEvent } from './test-event.ts';
