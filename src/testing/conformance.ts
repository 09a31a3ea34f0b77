import type { ConformanceCase } from './conformance/fixture.ts';
import { operationsCases } from './conformance/operation-cases.ts';
import { statementCases } from './conformance/statements.ts';

/** Everything a stage must do, in memory as on PostgreSQL. */
export const conformance: readonly ConformanceCase[] = [...operationsCases, ...statementCases];
