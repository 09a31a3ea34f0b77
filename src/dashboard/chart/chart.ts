/** The statechart as the build has laid it out, in pixels. */
export interface Chart {
  readonly width: number;
  readonly height: number;
  /** A box precedes the boxes inside it. `path`: `live`, `live.waiting`. */
  readonly states: readonly {
    readonly path: string;
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
  }[];
  /** `between` two states of one box, or between two boxes; `both`: transitions exist in both directions. */
  readonly lines: readonly {
    readonly between: readonly [string, string];
    readonly both: boolean;
    readonly points: readonly (readonly [number, number])[];
  }[];
  /** For each leaf state, the operator's events that the machine accepts there. */
  readonly accepts: Readonly<Record<string, readonly string[]>>;
}

/** Defined by the build (`scripts/dashboard/build.mjs`). */
declare const PROJECTION_CHART: Chart;

export function projectionChart(): Chart {
  return PROJECTION_CHART;
}
