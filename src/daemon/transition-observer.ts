import type { InspectionEvent } from 'xstate';
import { fullStateOf, type ProjectionSnapshot } from '../../machines/state-names.ts';
import type { Log } from '../core/log.ts';
import type { Transition } from './api.ts';

/**
 * An XState inspection observer that turns snapshots of projections into changes of state. It must never throw: an
 * exception here would block the actor's mailbox for ever.
 */
export function watchTransitions(announce: (change: Transition) => void, log: Log): (event: InspectionEvent) => void {
  const last = new Map<string, string>();
  const isNews = newsFilter();
  return (event) => {
    try {
      if (event.type !== '@xstate.snapshot') return;
      const id = String(Reflect.get(event.actorRef, 'id'));
      if (!id.startsWith('projection.')) return;
      const name = id.slice('projection.'.length);
      const snapshot = event.snapshot as ProjectionSnapshot;
      if (snapshot.status !== 'active') {
        if (snapshot.status === 'error')
          log.error({ projection: name, err: snapshot.error }, 'the actor died of a bug and is restarted');
        return;
      }
      const to = fullStateOf(snapshot);
      const from = last.get(name) ?? 'idle.stopped';
      if (from === to) return;
      last.set(name, to);
      const { detail } = snapshot.context;
      const level = to.startsWith('failed') ? 'warn' : 'info';
      const cause = event.event.type;
      const news = isNews(name, from, to);
      log[news ? level : 'debug']({ projection: name, from, to, detail, cause }, 'transition');
      announce({ name, from, to, detail, cause, news });
    } catch (error) {
      try {
        log.error({ err: error }, 'a transition could not be announced');
      } catch {
        // The log itself throws: the error cannot be reported.
      }
    }
  };
}

const WAITS = new Set([
  'idle.standby',
  'catching-up.waiting',
  'catching-up.backing-off',
  'live.backing-off',
  'failed.backing-off',
]);
const WORKS = new Set(['idle.opening', 'catching-up.working', 'live.working', 'failed.attempting']);

/**
 * Decides which changes are logged. A projection that waits for its database, or for another daemon, tries again and again:
 * the first wait of a kind is logged, and its repetitions are not until the projection has made progress.
 */
function newsFilter(): (name: string, from: string, to: string) => boolean {
  const waits = new Map<string, ReadonlySet<string>>();
  return (name, from, to) => {
    const known = waits.get(name) ?? new Set();
    const alwaysSo = from.startsWith('live') && to.startsWith('live');
    if (WAITS.has(to)) {
      waits.set(name, new Set([...known, to]));
      return !known.has(to);
    }
    if (WORKS.has(to)) return known.size === 0 && !alwaysSo;
    waits.delete(name);
    return known.size > 0 || !alwaysSo;
  };
}
