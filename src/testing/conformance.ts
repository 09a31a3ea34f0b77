import type { ConformanceCase } from './conformance/fixture.ts';
import { handsCases } from './conformance/hands.ts';
import { statementCases } from './conformance/statements.ts';

/** Everything a stage must do, in memory as on PostgreSQL. */
export const conformance: readonly ConformanceCase[] = [...handsCases, ...statementCases];
