import type { MiddlewareHandler } from 'hono';
import { type Env, isRead, type Log, refuse, remoteOf, sendProblem } from './guards.ts';
import { problem } from './problem.ts';

export interface Rate {
  /** Commands at once. */
  readonly burst: number;
  /** Further commands each second. */
  readonly perSecond: number;
}

/** `reset --all` of a large daemon fits into the burst; a script in a loop does not. */
export const MUTATIONS: Rate = { burst: 200, perSecond: 20 };

/** Remotes whose buckets are kept. A remote whose bucket was dropped begins with a full one: it gains one burst at most. */
const REMOTES = 1000;
/** A refused remote is logged once in these milliseconds, however many commands it sends. */
const LOG_EVERY_MS = 10_000;

interface Bucket {
  left: number;
  at: number;
  loggedAt: number;
}

/**
 * A token bucket for each remote, in bounded memory. `now`: a monotonic clock in milliseconds.
 * @returns `refused` when the refusal has to be logged, `refused again` otherwise
 */
export function createRateLimit({ burst, perSecond }: Rate, now: () => number, remotes = REMOTES) {
  const buckets = new Map<string, Bucket>();
  return (remote: string): 'taken' | 'refused' | 'refused again' => {
    const at = now();
    const known = buckets.get(remote) ?? { left: burst, at, loggedAt: Number.NEGATIVE_INFINITY };
    // Inserted again at the end: the first bucket of the map is then the least recently used.
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
    if (at - known.loggedAt < LOG_EVERY_MS) return 'refused again';
    known.loggedAt = at;
    return 'refused';
  };
}

/** Runs before the check of the token, so that guessing it is limited as well. */
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
