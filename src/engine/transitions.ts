import type { InspectionEvent } from 'xstate';
import type { Transition } from './daemon-port.ts';
import type { Log } from './log.ts';
import { fullStateOf, type ProjectionSnapshot } from './status.ts';

/**
 * An XState inspection observer that turns snapshots of projections into changes of state. It must never throw: an
 * exception here would leave the actor's mailbox stuck for good.
 */
export function watchTransitions(announce: (change: Transition) => void, log: Log): (event: InspectionEvent) => void {
  const last = new Map<string, string>();
  return (event) => {
    try {
      if (event.type !== '@xstate.snapshot') return;
      const id = String(Reflect.get(event.actorRef, 'id'));
      if (!id.startsWith('projection.')) return;
      const name = id.slice('projection.'.length);
      const snapshot = event.snapshot as ProjectionSnapshot;
      if (snapshot.status !== 'active') {
        if (snapshot.status === 'error')
          log.error({ projection: name, err: snapshot.error }, 'the actor died and is put back');
        return;
      }
      const to = fullStateOf(snapshot);
      const from = last.get(name) ?? 'idle.stopped';
      if (from === to) return;
      last.set(name, to);
      const { detail } = snapshot.context;
      const quiet = from.startsWith('live') && to.startsWith('live');
      log[to.startsWith('failed') ? 'warn' : quiet ? 'debug' : 'info'](
        { projection: name, from, to, detail, cause: event.event.type },
        'transition',
      );
      announce({ name, from, to, detail });
    } catch (error) {
      try {
        log.error({ err: error }, 'a transition could not be announced');
      } catch {
        // The log itself throws: there is nobody left to tell.
      }
    }
  };
}
