import { type MonoTypeOperatorFunction, repeat, retry, type SchedulerLike, tap, timer } from 'rxjs';
import type { Log } from '../core/log.ts';

const FIRST_MS = 100;
const LAST_MS = 5000;

/**
 * Subscribes again to a stream of wakeups that has failed or ended, after a pause that doubles until a value arrives.
 * Otherwise no projection would be woken any more, without any sign of it.
 */
export function restarted<T>(what: string, log: Log, scheduler?: SchedulerLike): MonoTypeOperatorFunction<T> {
  let pauseMs = FIRST_MS;
  const pause = () => {
    const ms = pauseMs;
    pauseMs = Math.min(LAST_MS, pauseMs * 2);
    return timer(ms, scheduler);
  };
  return (source) =>
    source.pipe(
      tap(() => {
        pauseMs = FIRST_MS;
      }),
      repeat({
        delay: () => {
          log.error({ what }, 'wakeups have ended and are started again');
          return pause();
        },
      }),
      retry({
        delay: (error: unknown) => {
          log.error({ err: error, what }, 'wakeups have failed and are started again');
          return pause();
        },
      }),
    );
}
