import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The program of old, or the plugin of today; neither needs an engine to read a file. Null: there is none. */
export const composeProgram: readonly string[] | null =
  [['docker-compose'], ['docker', 'compose']].find(
    ([program = '', ...args]) => spawnSync(program, [...args, 'version'], { timeout: 30_000 }).status === 0,
  ) ?? null;

/** What an engine's clients need to find it, beside the given variables; a `.env` here must not say more. */
export function engineEnvironment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH, HOME, DOCKER_HOST } = process.env;
  return { PATH, HOME, ...(DOCKER_HOST === undefined ? {} : { DOCKER_HOST }), ...env };
}

/** Whether a container engine answers, and compose can be asked to use it. */
export function engineAnswers(): boolean {
  if (composeProgram === null) return false;
  return spawnSync('docker', ['info'], { env: engineEnvironment({}), timeout: 30_000 }).status === 0;
}

/** Runs one compose command of the project's file. @throws Error with what it printed, when it fails */
export async function compose(
  args: readonly string[],
  { env, timeoutMs }: { readonly env: Readonly<Record<string, string>>; readonly timeoutMs: number },
): Promise<string> {
  const [program = '', ...first] = composeProgram ?? [];
  const child = spawn(program, [...first, ...args], { cwd: ROOT, env: engineEnvironment(env), timeout: timeoutMs });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out = (out + text).slice(-100_000);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err = (err + text).slice(-100_000);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return out;
  throw new Error(
    `compose ${args.join(' ')} ended with ${code ?? 'a signal'}:\n${out.slice(-5000)}\n${err.slice(-5000)}`,
  );
}
