/** A machine as the build has laid it out, in pixels. */
export interface Chart {
  readonly width: number;
  readonly height: number;
  /** Boxes before what is in them. `path`: `live`, `live.waiting`. */
  readonly states: readonly {
    readonly path: string;
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
  }[];
  /** `between` two states of one box, or two boxes; `both`: it can be gone either way. */
  readonly lines: readonly {
    readonly between: readonly [string, string];
    readonly both: boolean;
    readonly points: readonly (readonly [number, number])[];
  }[];
  /** Which events of an operator each state that it can rest in takes. */
  readonly takes: Readonly<Record<string, readonly string[]>>;
}

/** Put here by the build. */
declare const PROJECTION_CHART: Chart;

export function projectionChart(): Chart {
  return PROJECTION_CHART;
}
