import type { MiddlewareHandler } from 'hono';
import { type Env, isRead, type Log, refuse, remoteOf, sendProblem } from './guards.ts';
import { problem } from './problem.ts';

export interface Rate {
  /** So many at once. */
  readonly burst: number;
  /** So many more each second. */
  readonly perSecond: number;
}

/** `reset --all` of a large daemon goes through in one go; a script in a loop does not. */
export const MUTATIONS: Rate = { burst: 200, perSecond: 20 };

/** Remotes that are remembered. One that was forgotten begins anew, so there is no more to gain than a burst each. */
const REMOTES = 1000;
/** A remote that is refused is logged once in these milliseconds, however often it asks. */
const TELL_EVERY_MS = 10_000;

interface Bucket {
  left: number;
  at: number;
  toldAt: number;
}

/**
 * A bucket for each remote, in bounded memory. `now`: milliseconds that only rise.
 * @returns `refused` when it is time to log it, `refused again` until then
 */
export function createRateLimit({ burst, perSecond }: Rate, now: () => number, remotes = REMOTES) {
  const buckets = new Map<string, Bucket>();
  return (remote: string): 'taken' | 'refused' | 'refused again' => {
    const at = now();
    const known = buckets.get(remote) ?? { left: burst, at, toldAt: Number.NEGATIVE_INFINITY };
    // Put back at the end: the first one of the map is the one that has been silent for longest.
    buckets.delete(remote);
    buckets.set(remote, known);
    for (const oldest of buckets.keys()) {
      if (buckets.size <= remotes) break;
      buckets.delete(oldest);
    }
    known.left = Math.min(burst, known.left + ((at - known.at) / 1000) * perSecond);
    known.at = at;
    if (known.left >= 1) {
      known.left -= 1;
      return 'taken';
    }
    if (at - known.toldAt < TELL_EVERY_MS) return 'refused again';
    known.toldAt = at;
    return 'refused';
  };
}

/** Before the token is looked at, so that guessing is slowed down as well. */
export function limitMutations(rate: Rate, log: Log): MiddlewareHandler<Env> {
  const take = createRateLimit(rate, () => performance.now());
  return async (context, next) => {
    const outcome = isRead(context.req.method) ? 'taken' : take(remoteOf(context));
    if (outcome === 'taken') return next();
    context.header('Retry-After', '1');
    if (outcome === 'refused') return refuse(context, log, 'TOO_MANY');
    return sendProblem(context, problem('TOO_MANY'));
  };
}
