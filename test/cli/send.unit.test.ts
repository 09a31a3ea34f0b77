import { expect, it } from 'vitest';
import { sendVerb } from '../../src/cli/verbs/send-verb.ts';
import { statusOf } from '../http/fake-daemon.ts';
import { capturedContext } from './captured.ts';
import { daemonIn } from './daemon-in.ts';

type Options = Parameters<typeof sendVerb.run>[0];

async function send(cwd: string, event: Options['event'], more: Partial<Options> = {}) {
  const context = capturedContext({ cwd });
  const code = await sendVerb.run({ name: 'band', event, wait: false, json: false, ...more }, context);
  return { code, stdout: context.terminal.stdout.text, stderr: context.terminal.stderr.text };
}

it.each(['RESET', 'PAUSE', 'RESUME', 'RETRY'] as const)('sends %s and prints the outcome', async (event) => {
  const { cwd, daemon } = await daemonIn();
  daemon.onSend = async () => ({ kind: 'done', state: 'idle' });
  expect(await send(cwd, event)).toEqual({ code: 0, stdout: `band: ${event} done, now idle\n`, stderr: '' });
  expect(daemon.sent).toEqual([{ name: 'band', event }]);
});

it('throws the error of a daemon that refuses the command in this state', async () => {
  const { cwd, daemon } = await daemonIn();
  daemon.onSend = async () => ({ kind: 'failed', code: 'COMMAND_REFUSED', message: 'RESUME means nothing to it' });
  await expect(send(cwd, 'RESUME')).rejects.toThrow('RESUME means nothing to it');
});

// Seen red with: `state === 'failed'` not checked (exit code 0 for an attempt that failed).
it('exits with 1 when the attempt of a RETRY failed again, and prints the reason', async () => {
  const { cwd, daemon } = await daemonIn();
  daemon.onSend = async () => ({ kind: 'done', state: 'failed' });
  daemon.statuses = [statusOf('band', { state: 'failed', detail: 'no row\nin band' })];
  expect(await send(cwd, 'RETRY')).toEqual({
    code: 1,
    stdout: 'band: RETRY done, now failed\n',
    stderr: 'projectionist: band: failed: no row in band\n',
  });
});

it('with --wait waits until it is live', async () => {
  const { cwd, daemon } = await daemonIn();
  const states = ['catching-up', 'resetting', 'live'] as const;
  let polls = 0;
  daemon.onStatus = async () => [statusOf('band', { state: states[Math.min(polls++, 2)] ?? 'live' })];
  expect(await send(cwd, 'RESUME', { wait: true })).toMatchObject({
    code: 0,
    stdout: 'band: RESUME done, now catching-up\nband: live\n',
  });
  expect(polls).toBe(3);
});

it('with --wait exits with 1 when the projection settles in another state', async () => {
  const { cwd, daemon } = await daemonIn();
  daemon.statuses = [statusOf('band', { state: 'failed', detail: 'halted' })];
  expect(await send(cwd, 'RESET', { wait: true })).toMatchObject({
    code: 1,
    stderr: 'projectionist: band: failed: halted\n',
  });
});

it('with --wait does not wait after a PAUSE', async () => {
  const { cwd, daemon } = await daemonIn();
  daemon.onSend = async () => ({ kind: 'done', state: 'idle' });
  daemon.onStatus = () => expect.unreachable();
  expect(await send(cwd, 'PAUSE', { wait: true })).toMatchObject({ code: 0, stderr: '' });
});
