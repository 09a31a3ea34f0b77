import { expect, test } from 'vitest';
import type { PendingCommand } from '../../src/core/command.ts';
import { EngineError } from '../../src/core/errors.ts';
import type { OperatorEvent } from '../../src/core/operator-commands/command-registry.ts';
import { deliver } from '../../src/operations/deliver-to-machine.ts';
import { type Answer, createRig, delivered, type Rig } from '../machines/projection-rig.ts';

/** A projection that is live, and a count of everything that was hung onto it and not taken off again. */
async function live() {
  const rig = createRig();
  rig.actor.send({ type: 'START' });
  await answer(rig, 'open:running');
  await answer(rig, 'run:caught-up');
  let listeners = 0;
  for (const method of ['on', 'subscribe'] as const) {
    const original = rig.actor[method].bind(rig.actor) as (...parameters: unknown[]) => { unsubscribe(): void };
    Reflect.set(rig.actor, method, (...parameters: unknown[]) => {
      const subscription = original(...parameters);
      let open = true;
      listeners++;
      return {
        unsubscribe: () => {
          if (open) listeners--;
          open = false;
          subscription.unsubscribe();
        },
      };
    });
  }
  return { rig, left: () => listeners };
}

function pending(event: OperatorEvent): PendingCommand {
  return {
    id: `${event} by a test`,
    name: 'band',
    event,
    position: null,
    reason: null,
    generation: null,
    requestedBy: 'test',
    acceptedBy: 'here:1',
    seconds: 0,
  };
}

async function answer(rig: Rig, how: Answer): Promise<void> {
  rig.operations.running[0]?.settle(how);
  await delivered();
}

// Seen red with: `settled.unsubscribe()` left out.
test('a command that was carried out says which state it led to', async () => {
  const { rig, left } = await live();
  const outcome = deliver(rig.actor, pending('RESET'));
  expect(left()).toBe(2);
  await answer(rig, 'reset:running');
  expect(await outcome).toEqual({ error: null, state: 'catching-up' });
  expect(left()).toBe(0);
});

// Seen red with: `if (ended !== type) return` left out.
test('a command that comes while another is carried out waits for its own end', async () => {
  const { rig, left } = await live();
  const reset = deliver(rig.actor, pending('RESET'));
  const pause = deliver(rig.actor, pending('PAUSE'));
  let paused = false;
  const noted = pause.then(() => {
    paused = true;
  });
  await answer(rig, 'reset:running');
  expect(await reset).toEqual({ error: null, state: 'idle' });
  await delivered();
  expect(paused).toBe(false);
  await answer(rig, 'setPaused:paused');
  await noted;
  expect(await pause).toEqual({ error: null, state: 'idle' });
  expect(left()).toBe(0);
});

// Seen red with: `noteCommand` left out of whileWorking, of whileCommitting, of whileWaiting; the comparison in commandOf;
// a command that stays noted when an event comes without one.
test('an operation gets the command that asked for it, also one that was noted while another operation ran', async () => {
  const { rig } = await live();
  const first = deliver(rig.actor, pending('PAUSE'));
  await answer(rig, 'setPaused:paused');
  await first;
  const second = deliver(rig.actor, pending('RESUME'));
  await answer(rig, 'setPaused:running');
  await second;
  // Noted: the run under way ends first.
  const third = deliver(rig.actor, pending('RESET'));
  await answer(rig, 'run:stopped');
  // Noted during the reset, whose transaction is not asked to end.
  const fourth = deliver(rig.actor, pending('PAUSE'));
  await answer(rig, 'reset:running');
  await third;
  await answer(rig, 'setPaused:paused');
  await fourth;
  const fifth = deliver(rig.actor, pending('RESET'));
  await answer(rig, 'reset:paused');
  await fifth;
  // Without a command: the last one must not be ended a second time.
  rig.actor.send({ type: 'RESET' });
  await answer(rig, 'reset:running');
  // Both are noted during a run: the reset is not the PAUSE's operation.
  rig.actor.send({ type: 'RESET' });
  const sixth = deliver(rig.actor, pending('PAUSE'));
  await answer(rig, 'run:stopped');
  await answer(rig, 'reset:running');
  await answer(rig, 'setPaused:paused');
  await sixth;
  expect(rig.operations.commands).toEqual([
    ['setPaused true', 'PAUSE by a test'],
    ['setPaused false', 'RESUME by a test'],
    ['reset', 'RESET by a test'],
    ['setPaused true', 'PAUSE by a test'],
    ['reset', 'RESET by a test'],
    ['reset', null],
    ['reset', null],
    ['setPaused true', 'PAUSE by a test'],
  ]);
});

test('a command that failed is reported with what was thrown', async () => {
  const { rig, left } = await live();
  const refused = deliver(rig.actor, pending('RESET'));
  await answer(rig, 'rejected');
  expect(await refused).toMatchObject({ error: { message: 'the database does not answer' }, state: 'idle' });
  rig.operations.reset = () => Promise.reject(new EngineError('RESET_FAILED', { name: 'band', reason: 'a lock' }));
  await answer(rig, 'open:running');
  await answer(rig, 'run:caught-up');
  expect(await deliver(rig.actor, pending('RESET'))).toMatchObject({ error: { code: 'RESET_FAILED' } });
  expect(left()).toBe(0);
});

// Seen red with: `complete` of the subscription left out (a caller waited for ever on an actor that was gone).
test.each(['STOP', 'stop()'])('a stop of the daemon (%s) meanwhile is reported at once', async (how) => {
  const { rig, left } = await live();
  rig.actor.send({ type: 'WAKE' });
  const stopped = expect(deliver(rig.actor, pending('RESET'))).rejects.toMatchObject({ code: 'DAEMON_STOPPED' });
  if (how === 'STOP') {
    rig.actor.send({ type: 'STOP' });
    await answer(rig, 'run:stopped');
  } else rig.actor.stop();
  await delivered();
  expect(left()).toBe(0);
  await stopped;
});

// Seen red with: the check of the actor's status left out (the promise never settles).
test('H16: an event for an actor that has stopped, or died, is an error at once and not silence', async () => {
  const { rig, left } = await live();
  rig.actor.stop();
  const sent: unknown[] = [];
  Reflect.set(rig.actor, 'send', (event: unknown) => sent.push(event));
  await expect(deliver(rig.actor, pending('PAUSE'))).rejects.toMatchObject({ code: 'DAEMON_STOPPED' });
  await delivered();
  expect(sent).toEqual([]);
  expect(left()).toBe(0);
});
