import type { Failpoint } from '../../src/projector/failpoint.ts';

export interface VictimPlan {
  readonly url: string;
  readonly bulkLimit: number;
  /** The process sends itself SIGKILL when it reaches this point for the n-th time, over all projections. */
  readonly killAt: { readonly point: Failpoint; readonly hit: number } | null;
  /** Adds the projection `sleeper`, which runs a statement of this duration for each event `Slept`. */
  readonly sleepSeconds?: number;
}

export type VictimOrder = { readonly kind: 'reset'; readonly name: string } | { readonly kind: 'stop' };

export type VictimMessage =
  | { readonly kind: 'started' }
  | { readonly kind: 'reset'; readonly name: string; readonly outcome: string };
