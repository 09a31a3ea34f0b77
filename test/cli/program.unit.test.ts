import { describe, expect, it } from 'vitest';
import type { Confirm } from '../../src/cli/confirm.ts';
import { runProgram } from '../../src/cli/program.ts';
import type { CommandContext, ExitCode, Verb } from '../../src/cli/verbs/verb.ts';
import { VERBS } from '../../src/cli/verbs/verb-registry.ts';
import { EngineError, type ErrorCode } from '../../src/core/errors.ts';
import { OPERATOR_EVENTS } from '../../src/core/operator-commands/command-registry.ts';
import { packageVersion } from '../../src/daemon/version.ts';
import { publisherStatus, statusOf } from '../http/fake-daemon.ts';
import { Captured } from './captured.ts';
import { daemonIn } from './daemon-in.ts';

interface Ran {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: readonly { readonly command: string; readonly options: unknown }[];
}

type Run = (options: object, context: CommandContext) => Promise<ExitCode>;

interface RunOptions {
  /** Replacements of verbs, by name; `real`: the verbs themselves. Default: the parsed options are recorded. */
  readonly runs?: Readonly<Record<string, Run>> | 'real';
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly confirm?: Confirm | null;
  readonly onInterrupt?: (listener: () => void) => () => void;
}

async function run(
  args: string,
  { runs = {}, env = {}, cwd = '/nowhere', confirm = null, onInterrupt = () => () => undefined }: RunOptions = {},
): Promise<Ran> {
  const terminal = { stdout: new Captured(), stderr: new Captured() };
  const calls: { command: string; options: unknown }[] = [];
  const verbs = VERBS.map((verb): Verb => {
    if (runs === 'real') return verb;
    const record: Run = async (options) => {
      calls.push({ command: verb.name, options });
      return 0;
    };
    const replaced = runs[verb.name] ?? record;
    return {
      name: verb.name,
      addTo: (program, execute) =>
        verb.addTo(program, (name, options) => execute(name, options, (context) => replaced(options, context))),
    };
  });
  const code = await runProgram(args.split(' ').filter(Boolean), verbs, {
    terminal,
    env,
    cwd,
    confirm,
    outputGone: new AbortController().signal,
    version: '9.8.7',
    onInterrupt,
  });
  return { code, calls, stdout: terminal.stdout.text, stderr: terminal.stderr.text };
}

describe('parsing', () => {
  it.each([
    ['start', 'start', { config: undefined, sample: 'if-embedded', traffic: false, flags: {} }],
    ['start --no-sample', 'start', { config: undefined, sample: 'never', traffic: false, flags: {} }],
    [
      'start --config c.js --sample --traffic --port 0 --requeue-every-ms 5 --listen-notify off',
      'start',
      {
        config: 'c.js',
        sample: 'always',
        traffic: true,
        flags: { port: '0', requeueEveryMs: '5', listenNotify: 'off' },
      },
    ],
    ['status', 'status', { name: undefined, json: false }],
    ['status band --json', 'status', { name: 'band', json: true }],
    ['reset band', 'reset', { name: 'band', wait: false, timeoutMs: 3_600_000, json: false, yes: false }],
    [
      'reset --all --wait --timeout 5 --yes',
      'reset',
      { name: undefined, wait: true, timeoutMs: 5_000, json: false, yes: true },
    ],
    ['watch', 'watch', { name: undefined, json: false, states: false }],
    ['watch --json', 'watch', { name: undefined, json: true, states: false }],
    ['watch --states', 'watch', { name: undefined, json: false, states: true }],
    ['watch band', 'watch', { name: 'band', json: false, states: false }],
    ['send band RETRY', 'send', { name: 'band', event: 'RETRY', wait: false, json: false }],
    ['send band RETRY --wait --json', 'send', { name: 'band', event: 'RETRY', wait: true, json: true }],
    ['skip band --position 7 --reason why', 'skip', { name: 'band', position: '7', reason: 'why', json: false }],
    ['wait band --head', 'wait', { name: 'band', position: 'head', timeoutMs: 30_000, json: false }],
    ['wait band --position 7 --timeout 5', 'wait', { name: 'band', position: '7', timeoutMs: 5_000, json: false }],
    ['forget old --yes', 'forget', { name: 'old', json: false }],
    ['adopt band --position 42', 'adopt', { name: 'band', position: '42', json: false }],
    ['commands', 'commands', { name: undefined, limit: 20, json: false }],
    ['commands band --limit 1000 --json', 'commands', { name: 'band', limit: 1000, json: true }],
    ['transitions band', 'transitions', { name: 'band', limit: 20, json: false }],
    ['failures', 'failures', { name: undefined, json: false }],
    ['failures band --json', 'failures', { name: 'band', json: true }],
    ['failures show band', 'failures show', { name: 'band', json: false }],
    ['failures show band --json', 'failures show', { name: 'band', json: true }],
    ['failures export band', 'failures export', { name: 'band', out: undefined }],
    ['failures export band --out a.json', 'failures export', { name: 'band', out: 'a.json' }],
    ['try band', 'try', { name: 'band', config: undefined, json: false, flags: {} }],
    [
      'try band --config c.js --json --schema app',
      'try',
      { name: 'band', config: 'c.js', json: true, flags: { schema: 'app' } },
    ],
    ['export', 'export', { from: 1n, out: undefined, flags: {} }],
    [
      'export --from 9007199254740993 --out a.ndjson --schema app',
      'export',
      { from: 9_007_199_254_740_993n, out: 'a.ndjson', flags: { schema: 'app' } },
    ],
    ['import -', 'import', { file: '-', flags: {} }],
    ['import a.ndjson --schema app', 'import', { file: 'a.ndjson', flags: { schema: 'app' } }],
    ['migrate --config c.js', 'migrate', { config: 'c.js', flags: {} }],
  ])('%s', async (args, command, options) => {
    expect(await run(args)).toEqual({ code: 0, stdout: '', stderr: '', calls: [{ command, options }] });
  });

  it.each([
    ['', 'give a command'],
    ['strat', "unknown command 'strat' (Did you mean start?)"],
    ['start --prot 1', "unknown option '--prot' (Did you mean --port?)"],
    ['start --token x', "unknown option '--token'"],
    ['start extra', 'too many arguments'],
    ['start --config', "option '--config <file>' argument missing"],
    ['import', "missing required argument 'file'"],
    ['send band', "missing required argument 'event'"],
    ['send band WAKE', `no event 'WAKE': use one of ${OPERATOR_EVENTS.filter((one) => one !== 'SKIP').join(', ')}`],
    // Seen red with: REBUILD in SENDABLE, which no daemon accepts.
    [
      'send band REBUILD',
      `no event 'REBUILD': use one of ${OPERATOR_EVENTS.filter((one) => one !== 'SKIP').join(', ')}`,
    ],
    ['send band reset', "no event 'reset': use one of PAUSE, "],
    ['send band SKIP', 'SKIP needs a position and a reason: use skip NAME --position P --reason TEXT'],
    ['skip band --reason x', "required option '--position <position>' not specified"],
    ['skip band --position 7', "required option '--reason <text>' not specified"],
    ['skip band --position x --reason x', '--position is a position, a whole number'],
    ['wait band', 'give --position P, or --head'],
    ['wait band --head --position 7', 'give --position P, or --head'],
    ['wait band --head --timeout 601', '--timeout is a whole number of seconds, at most 600'],
    ['forget old', 'this cannot be undone; repeat it as forget old --yes'],
    ['adopt band', "required option '--position <position>' not specified"],
    ['adopt band --position head', '--position is a position, a whole number'],
    ['commands --limit 1001', '--limit is a whole number, at most 1000'],
    ['transitions', "missing required argument 'name'"],
    ['watch --states --json', "option '--states' cannot be used with option '--json'"],
    ['export --from soon', '--from is a position, a whole number'],
    ['export --from -1', '--from is a position, a whole number'],
    ['export --from 9223372036854775808', '--from is a position, a whole number'],
    ['export --from 007', '--from is a position, a whole number'],
    ['export a.ndjson', 'too many arguments'],
    ['try', "missing required argument 'name'"],
    ['failures show', "missing required argument 'name'"],
    ['reset', 'give the name of a projection, or --all'],
    ['reset band --all', 'give the name of a projection, or --all'],
    ['reset band --timeout soon', '--timeout is a whole number of seconds'],
  ])('refuses `%s` with exit code 2 and one line', async (args, message) => {
    const { code, stdout, stderr, calls } = await run(args);
    expect({ code, stdout, calls }).toEqual({ code: 2, stdout: '', calls: [] });
    expect(stderr).toContain(`projectionist: ${message}`);
    expect(stderr).toMatch(/^[^\n]+ \(projectionist --help lists the commands\)\n$/);
  });

  it.each(['--help', 'help', 'start --help', 'help reset'])('shows help on stdout for `%s`', async (args) => {
    expect(await run(args)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Usage: projectionist'),
      stderr: '',
    });
  });

  it.each('start status watch send reset skip wait forget adopt commands transitions import export migrate'.split(' '))(
    'shows examples in the help of %s',
    async (command) => {
      expect((await run(`${command} --help`)).stdout).toMatch(
        new RegExp(`\\nExamples:\\n(  projectionist ${command}.*\\n){2,}$`),
      );
    },
  );

  it('shows the version', async () => {
    expect(await run('--version')).toMatchObject({ code: 0, stdout: '9.8.7\n' });
    expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe('an error', () => {
  const failing = (error: unknown): RunOptions => ({ runs: { migrate: () => Promise.reject(error) } });

  it.each<[ErrorCode, ExitCode]>([
    ['CONFIG_INVALID', 2],
    ['CONFIG_FILE', 2],
    ['BIND_NEEDS_TOKEN', 2],
    ['PORT_IN_USE', 1],
    ['DAEMON_UNREACHABLE', 1],
    ['IMPORT_LINE', 1],
    ['DATABASE_UNREACHABLE', 1],
  ])('%s exits with %i', async (errorCode, code) => {
    const ran = await run('migrate', failing(new EngineError(errorCode)));
    expect(ran.code).toBe(code);
    expect(ran.stderr).toMatch(/^projectionist: [^\n]+\n$/);
  });

  it('is one line for any message', async () => {
    const ran = await run('migrate', failing(new Error('first\nsecond\u001b[2J\r\tthird')));
    expect(ran).toMatchObject({ code: 1, stderr: 'projectionist: first second?[2J third\n' });
  });

  it('that is no Error is written too', async () => {
    expect(await run('migrate', failing(undefined))).toMatchObject({ code: 1, stderr: 'projectionist: undefined\n' });
  });

  it('shows its stack when LOG_LEVEL is debug', async () => {
    const ran = await run('migrate', { ...failing(new Error('boom')), env: { LOG_LEVEL: 'debug' } });
    expect(ran.stderr).toMatch(/^projectionist: boom\nError: boom\n {4}at /);
  });

  it('that a verb has written itself is only its exit code', async () => {
    expect(await run('migrate', { runs: { migrate: async () => 1 } })).toMatchObject({ code: 1, stderr: '' });
  });

  it('by Ctrl-C ends a command, while start handles signals itself', async () => {
    const untilAborted = (_options: unknown, { signal }: CommandContext): Promise<ExitCode> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    let released = 0;
    const onInterrupt = (listener: () => void) => {
      setImmediate(listener);
      return () => {
        released += 1;
      };
    };
    const ran = await run('migrate', { runs: { migrate: untilAborted }, onInterrupt });
    expect({ ...ran, released }).toMatchObject({ code: 1, stderr: 'projectionist: interrupted\n', released: 1 });
    expect((await run('start', { onInterrupt: () => expect.unreachable() })).code).toBe(0);
  });
});

describe('commands to a running daemon', () => {
  it('status shows a table', async () => {
    const { cwd, daemon } = await daemonIn();
    daemon.statuses = [
      statusOf('band', { cursor: '1234567', head: '1234567' }),
      statusOf('event', {
        state: 'catching-up',
        cursor: '10',
        head: '20000',
        lagEvents: 19990,
        behindSeconds: 93784,
        ratePerSecond: 4999.6,
        etaSeconds: 4,
      }),
      statusOf('dancehall', { state: 'idle', detail: 'paused', lagEvents: 3, behindSeconds: null }),
      statusOf('userpreferences', {
        state: 'failed',
        instance: 'eu',
        lagEvents: 1,
        failure: {
          eventId: 'e',
          position: '43',
          eventName: 'BandIgnored',
          attempts: 6,
          error: 'no row\n\u001b[31min band',
          sqlstate: '23502',
          code: null,
          statement: null,
          at: '2026-01-01T00:00:00Z',
        },
      }),
    ];
    expect(await run('status', { runs: 'real', cwd })).toMatchObject({ code: 0, stderr: '' });
    expect((await run('status', { runs: 'real', cwd })).stdout).toMatchInlineSnapshot(`
      "NAME                STATE        CURSOR/HEAD      LAG               RATE     ETA  DETAIL
      band                live         1234567/1234567  0                 -        -
      event               catching-up  10/20000         19,990 (1 d 2 h)  5,000/s  4 s
      dancehall           idle         42/42            3                 -        -    paused
      userpreferences@eu  failed       42/42            1 (0 s)           -        -    at 43 BandIgnored, attempt 6: no row ?[31min band (23502)
      "
    `);
  });

  // Seen red with: the publisher left out of the client's schema.
  it('status shows the publisher below the projections, where there is one', async () => {
    const { cwd, daemon } = await daemonIn();
    daemon.published = publisherStatus;
    const { stdout } = await run('status', { runs: 'real', cwd });
    expect(stdout.split('\n').at(-2)).toMatch(/^\$publisher +publishing +40\/42 +2 +1,200\/s +-/);
    const json = await run('status --json', { runs: 'real', cwd });
    expect(JSON.parse(json.stdout)).toEqual({ projections: daemon.statuses, publisher: publisherStatus });
  });

  // Seen red with: the broker's line left out; written for a healthy one too.
  it('status has a line for a broker that is not healthy, and none for a healthy one', async () => {
    const { cwd, daemon } = await daemonIn();
    daemon.brokerStatus = { state: 'polling-only', detail: 'cannot use RabbitMQ at h:5672:\nECONNREFUSED' };
    const away = await run('status', { runs: 'real', cwd });
    expect(away.stdout).toMatch(/\nbroker: polling-only, cannot use RabbitMQ at h:5672: ECONNREFUSED\n$/);
    const json = await run('status --json', { runs: 'real', cwd });
    expect(JSON.parse(json.stdout)).toEqual({ projections: daemon.statuses, broker: daemon.brokerStatus });
    daemon.brokerStatus = { state: 'healthy', detail: null };
    expect((await run('status', { runs: 'real', cwd })).stdout).not.toContain('broker');
  });

  it('status of one projection, and as JSON', async () => {
    const { cwd, daemon } = await daemonIn();
    const one = await run('status band', { runs: 'real', cwd });
    expect(one.stdout.split('\n')).toHaveLength(3);
    const all = await run('status --json', { runs: 'real', cwd });
    expect(JSON.parse(all.stdout)).toEqual({ projections: daemon.statuses });
    const json = await run('status band --json', { runs: 'real', cwd });
    expect(JSON.parse(json.stdout)).toEqual(daemon.statuses[0]);
    expect(Object.keys(JSON.parse(json.stdout)).join(' ')).toBe(
      'name instance state substate detail cursor head position lagEvents lagSeconds behindSeconds ratePerSecond etaSeconds generation owner backingOffSince failure skippedEvents inOrder tables',
    );
  });

  it('status of an unknown projection exits with 1', async () => {
    const { cwd } = await daemonIn();
    expect(await run('status nope', { runs: 'real', cwd })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: "projectionist: there is no projection 'nope': known are band, event\n",
    });
  });

  it('without a daemon exit with 1 and name what to do', async () => {
    const env = { PROJECTIONIST_URL: 'http://127.0.0.1:9' };
    for (const command of ['status', 'reset band', 'reset --all']) {
      expect(await run(command, { runs: 'real', env })).toMatchObject({
        code: 1,
        stderr:
          'projectionist: no daemon answers at http://127.0.0.1:9: start it with `npm start`, or set PROJECTIONIST_URL\n',
      });
    }
  });

  it('reset of one sends RESET with the token', async () => {
    const { cwd, daemon } = await daemonIn();
    expect(await run('reset band', { runs: 'real', cwd })).toMatchObject({
      code: 0,
      stdout: 'band: reset, now catching-up\n',
    });
    expect(daemon.sent).toEqual([{ name: 'band', event: 'RESET' }]);
  });

  it('reset names in its question why a projection was refused its tables: their rows may belong to another program', async () => {
    const { cwd, daemon } = await daemonIn();
    daemon.statuses = [statusOf('band', { state: 'failed', detail: "table 'band' is not the one", tables: ['band'] })];
    const questions: string[] = [];
    const confirm: Confirm = async (question) => {
      questions.push(question);
      return false;
    };
    await run('reset band', { runs: 'real', cwd, confirm });
    expect(questions).toEqual([
      "'band' does not run: table 'band' is not the one. Reset band? Every row of band is deleted, and made anew from the events.",
    ]);
  });

  // Seen red with: `yes` left out of the condition in reset-verb.ts; the answer ignored there.
  it.each([
    ['reset band', false, { code: 1, stdout: '', stderr: 'projectionist: nothing was reset\n' }, 0, 1],
    ['reset band', true, { code: 0, stdout: 'band: reset, now catching-up\n' }, 1, 1],
    ['reset --all', false, { code: 1, stdout: '', stderr: 'projectionist: nothing was reset\n' }, 0, 1],
    ['reset --all', true, { code: 0 }, 2, 1],
    ['reset --all --yes', false, { code: 0 }, 2, 0],
  ])(
    'on a terminal %s asks first, and resets after the answer %s accordingly',
    async (command, answer, ended, sent, asked) => {
      const { cwd, daemon } = await daemonIn();
      const questions: string[] = [];
      const confirm: Confirm = async (question) => {
        questions.push(question);
        return answer;
      };
      expect(await run(command, { runs: 'real', cwd, confirm })).toMatchObject(ended);
      expect(daemon.sent).toHaveLength(sent);
      expect(questions).toHaveLength(asked);
      for (const question of questions) expect(question).toMatch(/^Reset (band|all 2 projections)\? Every row of band/);
    },
  );

  it('reset with the wrong token names the variable to set', async () => {
    const { cwd, daemon } = await daemonIn();
    const ran = await run('reset band', { runs: 'real', cwd, env: { PROJECTIONIST_TOKEN: 'wrong' } });
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('set PROJECTIONIST_TOKEN') });
    expect(daemon.sent).toEqual([]);
  });

  it('reset --all goes on after a projection that fails, and exits with 1', async () => {
    const { cwd, daemon } = await daemonIn();
    daemon.onSend = async (name) =>
      name === 'band'
        ? { kind: 'failed', code: 'RESET_FAILED', message: 'nothing changed' }
        : { kind: 'done', state: 'catching-up' };
    expect(await run('reset --all', { runs: 'real', cwd })).toMatchObject({
      code: 1,
      stdout: 'event: reset, now catching-up\n',
      stderr: 'projectionist: band: nothing changed\n',
    });
  });

  it('reset warns when it has reset another projection too, and exits with 0', async () => {
    const { cwd, daemon } = await daemonIn();
    daemon.onSend = async () => ({ kind: 'done', state: 'catching-up', warning: "'event' was reset with it" });
    expect(await run('reset band', { runs: 'real', cwd })).toMatchObject({
      code: 0,
      stdout: 'band: reset, now catching-up\n',
      stderr: "projectionist: band: 'event' was reset with it\n",
    });
  });

  it('reset that a session blocks names the session, and exits with 1', async () => {
    const { cwd, daemon } = await daemonIn();
    daemon.onSend = async () => ({ kind: 'failed', code: 'RESET_BLOCKED', message: 'in the way: pid 7' });
    expect(await run('reset band', { runs: 'real', cwd })).toMatchObject({
      code: 1,
      stderr: 'projectionist: band: in the way: pid 7\n',
    });
  });

  it('reset --wait waits until it is live', async () => {
    const { cwd, daemon } = await daemonIn();
    const states = ['resetting', 'catching-up', 'live'] as const;
    let polls = 0;
    daemon.onStatus = async () => [statusOf('band', { state: states[Math.min(polls++, 2)] ?? 'live' })];
    expect(await run('reset band --wait', { runs: 'real', cwd })).toMatchObject({
      code: 0,
      stdout: 'band: reset, now catching-up\nband: live\n',
    });
    expect(polls).toBe(3);
  });

  it.each([
    [statusOf('band', { state: 'failed', detail: 'halted' }), 'band: failed: halted'],
    [
      statusOf('band', { state: 'idle', detail: 'paused' }),
      'band: is idle and will not catch up: send it RESUME: paused',
    ],
    [statusOf('band', { state: 'catching-up' }), 'band: is still catching up; it goes on without this command'],
  ])('reset --wait exits with 1 when it will not be live', async (status, message) => {
    const { cwd, daemon } = await daemonIn();
    daemon.onStatus = async () => [status];
    const ran = await run('reset band --wait --timeout 1', { runs: 'real', cwd });
    expect(ran).toMatchObject({ code: 1, stderr: `projectionist: ${message}\n` });
  });
});
