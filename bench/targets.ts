import type { Target } from './figures.ts';

/** The target of each ratio or limit, and its goal. */
export const TARGETS = {
  bandAgainstSql: { must: 0.08, goal: 0.65, better: 'more' },
  bandAgainstOneByOne: { must: 4, goal: 20, better: 'more' },
  fourAgainstSql: { must: 0.5, goal: 0.8, better: 'more' },
  amongOthers: { must: 0.9, goal: 1, better: 'more' },
  rareType: { must: 60_000, goal: 10_000, better: 'less' },
  latencyP50: { must: 2.2, goal: 1.5, better: 'less' },
  latencyP99: { must: 3, goal: 2, better: 'less' },
  pushP50: { must: 2.5, goal: 1.5, better: 'less' },
  appendRate: { must: 0.65, goal: 0.75, better: 'more' },
  publish: { must: 0.8, goal: 0.95, better: 'more' },
  idleTraffic: { must: 10, goal: 3, better: 'less' },
  idleQueries: { must: 2, goal: 1, better: 'less' },
  floodDelay: { must: 5, goal: 2, better: 'less' },
  inspected: { must: 0.95, goal: 0.98, better: 'more' },
  paint: { must: 2, goal: 1.3, better: 'less' },
  hubLoad: { must: 5, goal: 3, better: 'less' },
  idleMemory: { must: 250, goal: 150, better: 'less' },
} as const satisfies Record<string, Target>;
