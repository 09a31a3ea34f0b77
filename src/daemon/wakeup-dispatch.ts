import type { Projection } from '../core/projection.ts';
import type { PollResult } from '../feed/wakeups.ts';
import type { ReadRange } from '../projector/checkpoint.ts';
import type { HighWaterMarkCache } from '../projector/high-water-mark-cache.ts';
import { newestOf } from '../projector/recent-events.ts';
import type { Worker } from './actors.ts';

export interface DispatchOptions {
  readonly projections: readonly Pick<Projection, 'name' | 'handlers'>[];
  readonly workers: ReadonlyMap<string, Pick<Worker, 'runner'>>;
  readonly highWaterMark: Pick<HighWaterMarkCache, 'since'>;
  /** Wakes the machine of a projection. */
  readonly wake: (name: string) => void;
  /** Projections have passed over events. */
  readonly onPassed: () => void;
}

/** What was appended after a position, and which projections handle any of it. */
interface ActorUpdate extends ReadRange {
  readonly handledBy: ReadonlySet<string>;
}

/**
 * Takes what a poll found to the projections. Only those that handle an event of it are woken; the others move over it
 * in memory, all of them in one loop: a thousand machines that each run for nothing cost 150 ms of CPU.
 */
export class WakeupDispatcher {
  readonly #options: DispatchOptions;
  readonly #handlers = new Map<string, string[]>();

  constructor(options: DispatchOptions) {
    this.#options = options;
    for (const { name, handlers } of options.projections) {
      for (const event of handlers.keys()) this.#handlers.set(event, [...(this.#handlers.get(event) ?? []), name]);
    }
  }

  /**
   * Where the events of the poll are not known (the first one, a flood), all are woken; after a lost connection all of
   * them say so themselves.
   */
  deliver(poll: Pick<PollResult, 'source'>): void {
    const { workers, wake, onPassed } = this.#options;
    const all = poll.source === 'schedule';
    const newsAfter = this.#newsByPosition();
    let passed = false;
    for (const [name, { runner }] of workers) {
      const { wakeup } = runner;
      if (wakeup === 'useless') continue;
      const news = all || wakeup === 'needed' ? null : newsAfter(runner.checkpoint.readPosition);
      if (news === null || news.handledBy.has(name)) wake(name);
      else {
        runner.checkpoint.passOver(news);
        passed = true;
      }
    }
    if (passed) onPassed();
  }

  /** Most projections stand at one position, and so at the same bigint: comparing that costs less than a look-up. */
  #newsByPosition(): (after: bigint) => ActorUpdate | null {
    const known = new Map<bigint, ActorUpdate | null>();
    let [last, lastNews]: [bigint | null, ActorUpdate | null] = [null, null];
    return (after) => {
      if (after === last) return lastNews;
      const found = known.get(after);
      const news = found === undefined ? this.#newsAfter(after) : found;
      known.set(after, news);
      [last, lastNews] = [after, news];
      return news;
    };
  }

  #newsAfter(after: bigint): ActorUpdate | null {
    const appended = this.#options.highWaterMark.since(after);
    if (appended === null) return null;
    const { to, toId, events } = appended;
    const handledBy = new Set(events.flatMap(({ name }) => this.#handlers.get(name) ?? []));
    return { to, toId, newest: newestOf(events), handledBy };
  }
}
