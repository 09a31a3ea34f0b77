import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type DaemonClient, RefusedError } from '../../src/cli/client.ts';
import { stateFolder } from '../../src/cli/find-client.ts';
import { type PollResult, pollStatuses } from '../../src/cli/poll.ts';
import { showPolls, watchVerb } from '../../src/cli/verbs/watch-verb.ts';
import { EngineError } from '../../src/core/errors.ts';
import type { ProjectionStatus } from '../../src/core/status.ts';
import { FakeDaemon, statusOf } from '../http/fake-daemon.ts';
import { Captured, capturedContext } from './captured.ts';
import { daemonIn, serveIn } from './daemon-in.ts';

const NOON = () => new Date('2026-03-01T12:00:00Z');
const seen = (...statuses: ProjectionStatus[]): PollResult => ({ kind: 'seen', statuses });
const LOST: PollResult = { kind: 'lost', reason: 'no daemon\nanswers' };
const FAILURE = {
  eventId: null,
  position: '43',
  eventName: 'BandCreated',
  attempts: 1,
  error: 'no',
  sqlstate: null,
  code: null,
  statement: null,
  at: '2026-01-01T00:00:00Z',
};

async function shown(polls: readonly PollResult[], stdout = new Captured()): Promise<string> {
  await showPolls(
    (async function* () {
      yield* polls;
    })(),
    stdout,
    NOON,
  );
  return stdout.text;
}

// Seen red with: `asObjects` taken for a terminal only; the state left out of `changed`.
it('writes an object for each change with --json, on a terminal too', async () => {
  for (const stdout of [new Captured(), new Captured(true)]) {
    const polls = (async function* () {
      yield* [seen(statusOf('band')), seen(statusOf('band')), LOST, LOST, seen(statusOf('event'))];
    })();
    await showPolls(polls, stdout, NOON, true);
    expect(
      stdout.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { at: NOON().toISOString(), kind: 'changed', projection: statusOf('band') },
      { at: NOON().toISOString(), kind: 'lost', reason: 'no daemon\nanswers' },
      { at: NOON().toISOString(), kind: 'found' },
      { at: NOON().toISOString(), kind: 'changed', projection: statusOf('event') },
      { at: NOON().toISOString(), kind: 'gone', name: 'band' },
    ]);
  }
});

describe('not on a terminal', () => {
  it('writes a line for each change, and none when only numbers rise', async () => {
    const behind = { state: 'catching-up', cursor: '10', head: '42' } as const;
    const text = await shown([
      seen(statusOf('band', behind), statusOf('event')),
      seen(statusOf('band', { ...behind, cursor: '20' }), statusOf('event', { cursor: '43', head: '43' })),
      seen(statusOf('band'), statusOf('event', { detail: 'waiting for pid 4711, open for 3 s' })),
      seen(statusOf('band'), statusOf('event', { detail: 'waiting for pid 4711, open for 4 s' })),
      seen(statusOf('band', { state: 'failed', failure: FAILURE }), statusOf('event')),
      seen(statusOf('band', { state: 'failed', failure: { ...FAILURE, attempts: 2 } }), statusOf('event')),
      seen(statusOf('band', { instance: 'eu' }), statusOf('event', { generation: 2 })),
    ]);
    expect(text.replaceAll('2026-03-01T12:00:00.000Z ', '')).toBe(
      [
        'band catching-up 10/42',
        'event live 42/42',
        'band catching-up -> live 42/42',
        'event live 42/42: waiting for pid 4711, open for 3 s',
        'band live -> failed 42/42: at 43 BandCreated, attempt 1: no',
        'event live 42/42',
        'band failed 42/42: at 43 BandCreated, attempt 2: no',
        'band@eu live 42/42',
        'event live 42/42',
        'band is gone',
        '',
      ].join('\n'),
    );
  });

  it('writes once that the daemon is lost, and once that it answers again', async () => {
    const text = await shown([seen(statusOf('band')), LOST, LOST, seen(statusOf('band')), LOST]);
    expect(text.replaceAll('2026-03-01T12:00:00.000Z ', '')).toBe(
      [
        'band live 42/42',
        'lost the daemon, searching for it: no daemon answers',
        'the daemon answers again',
        'lost the daemon, searching for it: no daemon answers',
        '',
      ].join('\n'),
    );
  });

  it('lets no foreign text forge a line or move the cursor', async () => {
    const text = await shown([seen(statusOf('band', { detail: 'a\n\u001b[2Jb' }))]);
    expect(text).toBe('2026-03-01T12:00:00.000Z band live 42/42: a ?[2Jb\n');
  });
});

describe('on a terminal', () => {
  /** The screen of a terminal after this output. It knows only the codes that are used. */
  function screen(written: string): readonly string[] {
    const lines = [''];
    let row = 0;
    for (const [token] of written.replaceAll('\u001b[', '␛').matchAll(/␛\d*[A-Z]|\r|\n|[^␛\r\n]+/g)) {
      if (token === '\n') row += 1;
      else if (token === '␛J') lines.splice(row);
      else if (/^␛\d+A$/.test(token)) row -= Number(token.slice(1, -1));
      else if (token !== '\r') lines[row] = token;
      expect(row).toBeGreaterThanOrEqual(0);
    }
    return lines;
  }

  it('repaints the table', async () => {
    const polls = [
      seen(statusOf('band', { state: 'catching-up' }), statusOf('event')),
      LOST,
      seen(statusOf('band')),
      seen(statusOf('band'), statusOf('event')),
    ];
    const shots = await Promise.all(polls.map((_, index) => shown(polls.slice(0, index + 1), new Captured(true))));
    expect(shots.map(screen)).toEqual([
      [expect.stringMatching(/^NAME /), expect.stringMatching(/^band +catching-up/), expect.stringMatching(/^event/)],
      [
        expect.stringMatching(/^NAME /),
        expect.stringMatching(/^band /),
        expect.stringMatching(/^event /),
        expect.stringMatching(/^lost the daemon/),
      ],
      [expect.stringMatching(/^NAME /), expect.stringMatching(/^band +live/)],
      [expect.stringMatching(/^NAME /), expect.stringMatching(/^band +live/), expect.stringMatching(/^event +live/)],
    ]);
  });

  it('cuts lines that would wrap or scroll away', async () => {
    const stdout = Object.assign(new Captured(true), { rows: 5 });
    const many = Array.from({ length: 9 }, (_, index) => statusOf(`p${index}`, { detail: 'x'.repeat(200) }));
    const lines = screen(await shown([seen(...many), seen(...many)], stdout));
    expect(lines.map((line) => line.slice(0, 10).trim())).toEqual([
      'NAME  STAT',
      'p0    live',
      'p1    live',
      'and 7 more',
    ]);
    for (const line of lines) expect(line.length).toBeLessThan(stdout.columns);
  });
});

describe('the polls', () => {
  const stop = () => new AbortController();
  const client = (statuses: DaemonClient['statuses']): DaemonClient => ({
    statuses,
    fleet: () => expect.unreachable(),
    status: () => expect.unreachable(),
    send: () => expect.unreachable(),
    wait: () => expect.unreachable(),
    forget: () => expect.unreachable(),
    adopt: () => expect.unreachable(),
    commands: () => expect.unreachable(),
    transitions: () => expect.unreachable(),
    failures: () => expect.unreachable(),
    tryFailed: () => expect.unreachable(),
    capsule: () => expect.unreachable(),
  });

  it('end with the error of the first poll', async () => {
    const unreachable = new EngineError('DAEMON_UNREACHABLE', { url: 'x' });
    const refused = new RefusedError(401, 'TOKEN_WRONG', 'no');
    for (const [connect, error] of [
      [() => Promise.reject(unreachable), unreachable],
      [async () => client(() => Promise.reject(refused)), refused],
    ] as const) {
      const polls = pollStatuses({ connect, name: undefined, signal: stop().signal, everyMs: 1 });
      await expect(polls.next()).rejects.toBe(error);
    }
  });

  it('refuse an unknown name, but go on when a projection disappears', async () => {
    let statuses = [statusOf('band'), statusOf('event')];
    const connect = async () => client(async () => statuses);
    const unknown = pollStatuses({ connect, name: 'bands', signal: stop().signal, everyMs: 1 });
    await expect(unknown.next()).rejects.toThrow("there is no projection 'bands': known are band, event");
    const polls = pollStatuses({ connect, name: 'event', signal: stop().signal, everyMs: 1 });
    expect((await polls.next()).value).toEqual(seen(statusOf('event')));
    statuses = [statusOf('band')];
    expect((await polls.next()).value).toEqual(seen());
    await polls.return();
  });

  // Seen red with: `client = null` left out (it polled the old address for ever).
  it('go on after a loss, and find the daemon again', async () => {
    let connects = 0;
    const connect = async () => {
      connects += 1;
      if (connects === 2) throw new EngineError('DAEMON_UNREACHABLE', { url: 'x' });
      let calls = 0;
      return client(async () => {
        calls += 1;
        if (calls === 2) throw new RefusedError(503, 'UNAVAILABLE', 'not now');
        return [statusOf(`of${connects}`)];
      });
    };
    const found: PollResult[] = [];
    for await (const poll of pollStatuses({ connect, name: undefined, signal: stop().signal, everyMs: 1 })) {
      found.push(poll);
      if (found.length === 4) break;
    }
    expect(found).toEqual([
      seen(statusOf('of1')),
      { kind: 'lost', reason: 'not now' },
      { kind: 'lost', reason: expect.stringContaining('no daemon answers at x') },
      seen(statusOf('of3')),
    ]);
  });

  it('end immediately at an abort, also during a poll', async () => {
    const stopping = stop();
    const connect = async () =>
      client(
        (signal) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason));
            setImmediate(() => stopping.abort(new Error('interrupted')));
          }),
      );
    expect(await pollStatuses({ connect, name: undefined, signal: stopping.signal }).next()).toEqual({
      done: true,
      value: undefined,
    });
  });
});

describe('the command', () => {
  const texts = (context: { terminal: { stdout: Captured } }) =>
    context.terminal.stdout.text.split('\n').map((line) => line.slice(25));

  it('survives a restart of the daemon on another port with another token, and exits with 0 at Ctrl-C', {
    timeout: 60_000,
  }, async () => {
    const { cwd, daemon, close } = await daemonIn();
    daemon.statuses = [statusOf('band', { state: 'catching-up' })];
    const interrupt = new AbortController();
    const context = capturedContext({ cwd, signal: interrupt.signal });
    const watching = watchVerb.run({ name: undefined, json: false, states: false }, context);
    await vi.waitFor(() => expect(texts(context)).toContain('band catching-up 42/42'), { timeout: 10_000 });
    await close();
    await rm(join(stateFolder(cwd), 'daemon.json'));
    await vi.waitFor(() => expect(texts(context).at(-2)).toMatch(/^lost the daemon.*: no daemon answers at /), {
      timeout: 10_000,
    });
    const restarted = new FakeDaemon();
    restarted.statuses = [statusOf('band')];
    await serveIn(cwd, restarted, 'another');
    await vi.waitFor(() => expect(texts(context)).toContain('band catching-up -> live 42/42'), { timeout: 10_000 });
    expect(texts(context).at(-3)).toBe('the daemon answers again');
    interrupt.abort(new Error('interrupted'));
    expect(await watching).toBe(0);
    expect(context.terminal.stderr.text).toBe('');
  });

  it('ends when the reader of its output has gone', async () => {
    const { cwd } = await daemonIn();
    const gone = new AbortController();
    const watching = watchVerb.run(
      { name: 'band', json: false, states: false },
      capturedContext({ cwd, outputGone: gone.signal }),
    );
    gone.abort();
    expect(await watching).toBe(0);
  });
});
