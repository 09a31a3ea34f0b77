import { expect, it } from 'vitest';
import { adoptVerb } from '../../src/cli/verbs/adopt-verb.ts';
import { commandsVerb } from '../../src/cli/verbs/commands-verb.ts';
import { forgetVerb } from '../../src/cli/verbs/forget-verb.ts';
import { skipVerb } from '../../src/cli/verbs/skip-verb.ts';
import { statusVerb } from '../../src/cli/verbs/status-verb.ts';
import { transitionsVerb } from '../../src/cli/verbs/transitions-verb.ts';
import { waitVerb } from '../../src/cli/verbs/wait-verb.ts';
import { EngineError } from '../../src/core/errors.ts';
import { statusOf } from '../http/fake-daemon.ts';
import { Captured, capturedContext } from './captured.ts';
import { daemonIn } from './daemon-in.ts';

const ran = (context: ReturnType<typeof capturedContext>, code: number) => ({
  code,
  stdout: context.terminal.stdout.text,
  stderr: context.terminal.stderr.text,
});

// Seen red with: the reason left out of the request.
it('skip sends position and reason, and prints the outcome', async () => {
  const { cwd, daemon } = await daemonIn();
  daemon.onSend = async () => ({ kind: 'done', state: 'catching-up' });
  const skip = { name: 'band', position: '9007199254740993', reason: 'a test of ours', json: false };
  const context = capturedContext({ cwd });
  expect(ran(context, await skipVerb.run(skip, context))).toEqual({
    code: 0,
    stdout: 'band: SKIP done, now catching-up\n',
    stderr: '',
  });
  expect(await daemon.commands()).toMatchObject([
    { event: 'SKIP', position: '9007199254740993', reason: 'a test of ours', requestedBy: 'http 127.0.0.1' },
  ]);
  const json = capturedContext({ cwd });
  await skipVerb.run({ ...skip, json: true }, json);
  expect(JSON.parse(json.terminal.stdout.text)).toMatchObject({ event: 'SKIP', kind: 'done', state: 'catching-up' });
});

it('skip throws the error of a daemon that refuses', async () => {
  const { cwd, daemon } = await daemonIn();
  daemon.onSend = async () => ({ kind: 'failed', code: 'SKIP_MOVED', message: 'nothing was skipped' });
  const skip = { name: 'band', position: '7', reason: 'x', json: false };
  await expect(skipVerb.run(skip, capturedContext({ cwd }))).rejects.toMatchObject({
    status: 409,
    code: 'SKIP_MOVED',
    message: 'nothing was skipped',
  });
});

it('wait prints that the position is applied, or throws the lag of a projection that has not reached it', async () => {
  const { cwd, daemon } = await daemonIn();
  const asked: unknown[] = [];
  daemon.onWait = async (...given) => {
    asked.push(given.slice(0, 2));
    return { applied: true, lagEvents: 0 };
  };
  const wait = { name: 'band', position: 'head', timeoutMs: 1000, json: false };
  const context = capturedContext({ cwd });
  expect(ran(context, await waitVerb.run(wait, context))).toEqual({
    code: 0,
    stdout: 'band: everything that was stored is applied\n',
    stderr: '',
  });
  const json = capturedContext({ cwd });
  await waitVerb.run({ ...wait, position: '7', json: true }, json);
  expect(json.terminal.stdout.text).toBe('{"name":"band","position":"7","applied":true,"lagEvents":0}\n');
  expect(asked).toEqual([
    ['band', 'head'],
    ['band', 7n],
  ]);
  daemon.onWait = async () => ({ applied: false, lagEvents: 3 });
  await expect(waitVerb.run(wait, capturedContext({ cwd }))).rejects.toMatchObject({
    status: 504,
    message: expect.stringContaining("'band' was 3 positions before head after 1000 ms"),
  });
});

it('forget names the tables that stay, and throws the error of a daemon that refuses', async () => {
  const { cwd, daemon } = await daemonIn();
  const context = capturedContext({ cwd });
  expect(ran(context, await forgetVerb.run({ name: 'gone', json: false }, context))).toEqual({
    code: 0,
    stdout: 'gone: forgotten; its tables are still there: old_prices\n',
    stderr: '',
  });
  daemon.onForget = async (name) => {
    throw new EngineError('FORGET_REFUSED', { name, reason: 'this daemon declares it' });
  };
  await expect(forgetVerb.run({ name: 'band', json: true }, capturedContext({ cwd }))).rejects.toMatchObject({
    status: 409,
    message: "'band' was not forgotten, nothing changed: this daemon declares it",
  });
});

it('adopt sends the position, and throws the error of a daemon that refuses', async () => {
  const { cwd, daemon } = await daemonIn();
  const adopted: unknown[] = [];
  daemon.onAdopt = async (...given) => void adopted.push(given);
  const context = capturedContext({ cwd });
  const options = { name: 'band', position: '42', json: false };
  expect(ran(context, await adoptVerb.run(options, context))).toEqual({
    code: 0,
    stdout: 'band: its rows are taken over, it goes on after 42\n',
    stderr: '',
  });
  expect(adopted).toEqual([['band', 42n]]);
  daemon.onAdopt = async (name) => {
    throw new EngineError('ADOPT_REFUSED', { name, reason: 'its tables are its own already' });
  };
  await expect(adoptVerb.run(options, capturedContext({ cwd }))).rejects.toMatchObject({
    status: 409,
    message: "'band' was not adopted, nothing changed: its tables are its own already",
  });
});

it('commands and transitions print one line for each row, or the answer of the daemon as JSON', async () => {
  const { cwd, daemon } = await daemonIn();
  await daemon.submit({ name: 'band', event: 'SKIP', position: 7n, reason: 'two\nlines', by: 'http 127.0.0.1' });
  const change = { from: 'live.waiting', to: 'failed.halted', cause: 'WAKE', detail: 'no\u001b[31m row' };
  daemon.history = [
    { number: '9', name: 'band', ...change, position: '42', daemon: 'd:1', at: '2026-03-01T19:00:00Z' },
  ];
  const shown = async (json: boolean) => {
    const context = capturedContext({ cwd });
    await commandsVerb.run({ name: 'band', limit: 20, json }, context);
    await transitionsVerb.run({ name: 'band', limit: 20, json }, context);
    return context.terminal.stdout.text;
  };
  expect(await shown(false)).toMatchInlineSnapshot(`
    "WHEN                      NAME  EVENT   STATE    BY              DETAIL
    2026-03-01T19:00:00.000Z  band  SKIP 7  pending  http 127.0.0.1  two lines
    WHEN                  STATE                          CURSOR  CAUSE  DAEMON  DETAIL
    2026-03-01T19:00:00Z  live.waiting -> failed.halted  42      WAKE   d:1     no?[31m row
    "
  `);
  expect(await shown(true)).toBe(
    `${JSON.stringify(await daemon.commands(), null, 2)}\n${JSON.stringify(daemon.history, null, 2)}\n`,
  );
});

// Seen red with: isTTY ignored; NO_COLOR ignored; the colour added before the padding.
it('status has colours on a terminal only, and none with NO_COLOR', async () => {
  const { cwd, daemon } = await daemonIn();
  daemon.statuses = [statusOf('band'), statusOf('event', { state: 'failed', detail: 'no row' })];
  const shown = async (isTTY: boolean, env: Record<string, string>) => {
    const context = capturedContext({ cwd, env });
    const stdout = new Captured(isTTY);
    await statusVerb.run({ name: undefined, json: false }, { ...context, terminal: { ...context.terminal, stdout } });
    return stdout.text;
  };
  const plain = await shown(false, {});
  expect(plain).not.toContain('\u001b');
  expect(await shown(true, { NO_COLOR: '1' })).toBe(plain);
  expect(await shown(true, { TERM: 'dumb' })).toBe(plain);
  const painted = await shown(true, {});
  expect(painted).toContain('\u001b[32mlive  \u001b[0m');
  expect(painted).toContain('\u001b[31mfailed\u001b[0m');
  expect(painted.replaceAll('\u001b[32m', '').replaceAll('\u001b[31m', '').replaceAll('\u001b[0m', '')).toBe(plain);
});
