import { vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { VERBS } from '../../src/cli/verbs/verb-registry.ts';
import type { FailureRecord } from '../../src/core/failure.ts';
import type { OperatorEvent } from '../../src/core/operator-commands/command-registry.ts';
import type { ProjectionStatus } from '../../src/core/status.ts';
import { Captured } from '../cli/captured.ts';

export interface Ended {
  readonly ok: boolean;
  /** The body of the response, or the output of the command. */
  readonly said: string;
}

/** The status and commands that one interface of the daemon offers to an operator. */
export interface Operator {
  status(name: string): Promise<ProjectionStatus>;
  failures(name: string): Promise<readonly FailureRecord[]>;
  send(name: string, event: Exclude<OperatorEvent, 'SKIP'>): Promise<Ended>;
  skip(name: string, position: string, reason: string): Promise<Ended>;
  /** `position`: in digits, or `head`. */
  wait(name: string, position: string, seconds?: number): Promise<Ended>;
}

export const WAYS = ['the API', 'the command line'] as const;
export type Way = (typeof WAYS)[number];

export const TOKEN = 't';

/** An operator that sends HTTP requests. */
export function byApi(url: () => string): Operator {
  const ask = async (path: string, body?: object): Promise<Ended> => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    const answer = await fetch(
      url() + path,
      body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) },
    );
    return { ok: answer.ok, said: await answer.text() };
  };
  const event = (name: string, body: object) => ask(`/projections/${name}/events?wait=30000`, body);
  return {
    status: async (name) => parsed(await ask(`/projections/${name}`)),
    failures: async (name) =>
      parsed<{ failures: readonly FailureRecord[] }>(await ask(`/projections/${name}/failures`)).failures,
    send: (name, type) => event(name, { type }),
    skip: (name, position, reason) => event(name, { type: 'SKIP', position, reason }),
    wait: (name, position, seconds = 30) =>
      ask(`/projections/${name}/wait?position=${position}&timeout=${seconds * 1000}`),
  };
}

/** Runs a command of the command line in this folder. @returns its output */
export async function runCommand(cwd: string, ...args: readonly string[]): Promise<Ended> {
  const terminal = { stdout: new Captured(), stderr: new Captured() };
  const outputGone = new AbortController().signal;
  const onInterrupt = () => () => undefined;
  const code = await runProgram(args, VERBS, { version: '1', terminal, env: {}, cwd, outputGone, onInterrupt });
  return { ok: code === 0, said: terminal.stdout.text + terminal.stderr.text };
}

/** An operator that runs commands, which find the daemon by the file in this folder. */
export function byCommandLine(cwd: string): Operator {
  const run = (...args: readonly string[]) => runCommand(cwd, ...args);
  return {
    status: async (name) => parsed(await run('status', name, '--json')),
    failures: async (name) =>
      parsed<{ failures: readonly FailureRecord[] }>(await run('failures', name, '--json')).failures,
    send: (name, event) => run('send', name, event, '--json'),
    skip: (name, position, reason) => run('skip', name, '--position', position, '--reason', reason, '--json'),
    wait: (name, position, seconds = 30) =>
      run(
        'wait',
        name,
        ...(position === 'head' ? ['--head'] : ['--position', position]),
        '--timeout',
        String(seconds),
        '--json',
      ),
  };
}

function parsed<T>({ ok, said }: Ended): T {
  if (!ok) throw new Error(said);
  return JSON.parse(said) as T;
}

/** Reads the status until the check accepts it. */
export async function untilSeen(
  operator: Operator,
  name: string,
  check: (status: ProjectionStatus) => boolean,
): Promise<ProjectionStatus> {
  return await vi.waitFor(
    async () => {
      const status = await operator.status(name);
      if (!check(status)) throw new Error(`'${name}' is ${JSON.stringify(status)}`);
      return status;
    },
    { timeout: 30_000, interval: 10 },
  );
}
