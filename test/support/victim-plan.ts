import type { Failpoint } from '../../src/projector/failpoint.ts';

export interface VictimPlan {
  readonly url: string;
  readonly bulkLimit: number;
  /** Ends itself with SIGKILL when it comes to this point for the n-th time, over all projections. */
  readonly killAt: { readonly point: Failpoint; readonly hit: number } | null;
  /** Has one more projection, `sleeper`, which spends so long in one statement for each event `Slept`. */
  readonly sleepSeconds?: number;
}

export type VictimOrder = { readonly kind: 'reset'; readonly name: string } | { readonly kind: 'stop' };

export type VictimMessage =
  | { readonly kind: 'started' }
  | { readonly kind: 'reset'; readonly name: string; readonly outcome: string };
