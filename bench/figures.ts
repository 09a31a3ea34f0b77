/** The target of a figure. `better`: the direction of an improvement. */
export interface Target {
  readonly must: number;
  readonly goal: number;
  readonly better: 'more' | 'less';
}

/** One measured quantity, with a value per round. */
export interface Figure {
  readonly label: string;
  /** `x` for a ratio. */
  readonly unit: 'events/s' | 'ms' | 'appends/s' | 'queries/s' | 'events' | 'MB' | '% of a core' | 'x';
  readonly rounds: readonly number[];
  readonly target?: Target;
}

/** The figures of one part of the bench, in the order in which they are shown. */
export interface Part {
  readonly title: string;
  /** What the part does, in a sentence or two. */
  readonly about: string;
  readonly figures: readonly Figure[];
}

/**
 * Computed round by round, so that other load on both sides of a round cancels out. The ratio of two medians would mix rounds.
 */
export function ratio(label: string, ours: Figure, reference: Figure, target?: Target): Figure {
  const rounds = ours.rounds.map((value, round) => value / (reference.rounds[round] ?? Number.NaN));
  return { label, unit: 'x', rounds, ...(target && { target }) };
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Interpolates linearly between the two nearest values. NaN for an empty list. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export function verdict({ rounds, target }: Figure): 'goal' | 'must' | 'below' | '' {
  if (target === undefined) return '';
  const value = median(rounds);
  const reaches = (wanted: number) => (target.better === 'more' ? value >= wanted : value <= wanted);
  return reaches(target.goal) ? 'goal' : reaches(target.must) ? 'must' : 'below';
}
