import { afterAll, expect, test } from 'vitest';
import { killAll, run, untilSaid } from './command.ts';

afterAll(killAll);

const program = (text: string) => run(process.execPath, ['-e', text], { cwd: '.' });

// Seen red with: the race with `ended` left out (both cases fail after the whole time limit, without the output).
test.each([
  ['exits', 'process.exitCode = 3', /exit code 3/],
  ['is killed', 'setTimeout(() => process.kill(process.pid, "SIGKILL"), 50)', /SIGKILL/],
])('waiting for the words of a program that %s without saying them fails with its output', async (_, end, how) => {
  const ended = untilSaid(program(`console.log('first'); console.error('second'); ${end}`), /^third$/m, 600_000);
  const error: unknown = await ended.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  for (const part of [how, /^first$/m, /^second$/m]) expect(String(error)).toMatch(part);
});

test('output that a program wrote before it ended is matched', async () => {
  const running = program("console.log('third')");
  await running.ended;
  await untilSaid(running, /^third$/m);
});
