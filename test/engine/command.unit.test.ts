import { afterEach, expect, test, vi } from 'vitest';
import { EngineError } from '../../src/core/errors.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { type Answer, createRig, delivered, type Rig } from '../machines/projection-rig.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** A projection that is live, and a count of everything that was hung onto it and not taken off again. */
async function live() {
  const rig = createRig();
  rig.actor.send({ type: 'START' });
  await answer(rig, 'open:running');
  await answer(rig, 'pull:caught-up');
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
  const controller = new AbortController();
  const { signal } = controller;
  for (const [method, count] of [
    ['addEventListener', 1],
    ['removeEventListener', -1],
  ] as const) {
    const original = signal[method].bind(signal) as (...parameters: unknown[]) => void;
    Reflect.set(signal, method, (...parameters: unknown[]) => {
      listeners += count;
      original(...parameters);
    });
  }
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  return { rig, controller, left: () => listeners + vi.getTimerCount() };
}

async function answer(rig: Rig, how: Answer): Promise<void> {
  rig.hands.running[0]?.settle(how);
  await delivered();
}

// Seen red with: `if (!before.can(…))` left out (it waited for 30 s).
test('a command that means nothing in this state is refused at once, and says in which', async () => {
  const { rig, controller, left } = await live();
  const outcome = await sendCommand(rig.actor, 'band', 'RESUME', { signal: controller.signal });
  expect(outcome).toEqual({
    kind: 'failed',
    code: 'COMMAND_REFUSED',
    message: "RESUME means nothing to 'band' while it is live.waiting",
  });
  expect(left()).toBe(0);
});

// Seen red with: `settled.unsubscribe()` left out.
test('a command that was carried out says which state it led to', async () => {
  const { rig, controller, left } = await live();
  const outcome = sendCommand(rig.actor, 'band', 'RESET', { signal: controller.signal });
  expect(left()).toBe(4);
  await answer(rig, 'reset:running');
  expect(await outcome).toEqual({ kind: 'done', state: 'catching-up' });
  expect(left()).toBe(0);
});

// Seen red with: `others-- > 0` left out (both were told of the first reset's end).
test('a RESET that comes during another one is answered by the reset that follows', async () => {
  const { rig, controller, left } = await live();
  const first = sendCommand(rig.actor, 'band', 'RESET', { signal: controller.signal });
  const second = sendCommand(rig.actor, 'band', 'RESET', { signal: controller.signal });
  let answered = false;
  void second.then(() => {
    answered = true;
  });
  await answer(rig, 'reset:running');
  expect(await first).toEqual({ kind: 'done', state: 'resetting' });
  expect(answered).toBe(false);
  await answer(rig, 'reset:running');
  expect(await second).toEqual({ kind: 'done', state: 'catching-up' });
  expect(left()).toBe(0);
});

// Seen red with: `if (command !== event) return` left out.
test('a command that comes while another is carried out waits for its own end', async () => {
  const { rig, controller, left } = await live();
  const reset = sendCommand(rig.actor, 'band', 'RESET', { signal: controller.signal });
  const pause = sendCommand(rig.actor, 'band', 'PAUSE', { signal: controller.signal });
  let paused = false;
  const noted = pause.then(() => {
    paused = true;
  });
  await answer(rig, 'reset:running');
  expect(await reset).toEqual({ kind: 'done', state: 'idle' });
  await delivered();
  expect(paused).toBe(false);
  await answer(rig, 'setPaused:done');
  await noted;
  expect(await pause).toEqual({ kind: 'done', state: 'idle' });
  expect(left()).toBe(0);
});

test('a command that failed says why: with the code where the engine knows one', async () => {
  const { rig, controller, left } = await live();
  const refused = sendCommand(rig.actor, 'band', 'RESET', { signal: controller.signal });
  await answer(rig, 'rejected');
  expect(await refused).toEqual({
    kind: 'failed',
    code: 'COMMAND_REFUSED',
    message: 'the database does not answer',
  });
  rig.hands.reset = () => Promise.reject(new EngineError('RESET_FAILED', { name: 'band', reason: 'a lock' }));
  await answer(rig, 'open:running');
  await answer(rig, 'pull:caught-up');
  const failed = await sendCommand(rig.actor, 'band', 'RESET', { signal: controller.signal });
  expect(failed).toMatchObject({ kind: 'failed', code: 'RESET_FAILED' });
  expect(left()).toBe(0);
});

// Seen red with: the timeout without `finish()`: both listeners and the signal's stayed for ever.
test('a command that is not answered in time is an error that says where the projection is', async () => {
  const { rig, controller, left } = await live();
  const outcome = sendCommand(rig.actor, 'band', 'PAUSE', { signal: controller.signal, timeoutMs: 500 });
  const failed = expect(outcome).rejects.toMatchObject({
    code: 'COMMAND_TIMEOUT',
    message: "'band' did not answer PAUSE within 500 ms: it is idle.pausing",
  });
  await vi.advanceTimersByTimeAsync(499);
  expect(left()).toBe(4);
  await vi.advanceTimersByTimeAsync(1);
  await failed;
  expect(left()).toBe(0);
});

// Seen red with: `signal?.removeEventListener` left out; `signal?.throwIfAborted()` left out.
test('a caller that gives up gets its own reason back; one that had given up sends nothing', async () => {
  const { rig, controller, left } = await live();
  const outcome = sendCommand(rig.actor, 'band', 'PAUSE', { signal: controller.signal });
  controller.abort(new Error('the browser is gone'));
  await expect(outcome).rejects.toThrow('the browser is gone');
  expect(left()).toBe(0);
  await answer(rig, 'setPaused:done');
  const late = sendCommand(rig.actor, 'band', 'RESUME', { signal: controller.signal });
  await expect(late).rejects.toThrow('the browser is gone');
  expect(rig.hands.begun.at(-1)).toBe('setPaused true');
  expect(left()).toBe(0);
});

// Seen red with: `complete` of the subscription left out (a caller waited for 30 s on an actor that was gone).
test.each(['STOP', 'stop()'])('a daemon that stops (%s) meanwhile is told at once', async (how) => {
  const { rig, controller, left } = await live();
  rig.actor.send({ type: 'WAKE' });
  const outcome = sendCommand(rig.actor, 'band', 'RESET', { signal: controller.signal });
  const stopped = expect(outcome).rejects.toMatchObject({ code: 'DAEMON_STOPPED' });
  if (how === 'STOP') {
    rig.actor.send({ type: 'STOP' });
    await answer(rig, 'pull:stopped');
  } else rig.actor.stop();
  await delivered();
  expect(left()).toBe(0);
  await stopped;
});
