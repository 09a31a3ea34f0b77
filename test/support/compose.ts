import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The program docker-compose, or the plugin of docker. Neither needs an engine to read a file. Null where both are missing. */
export const composeProgram: readonly string[] | null =
  [['docker-compose'], ['docker', 'compose']].find(
    ([program = '', ...args]) => spawnSync(program, [...args, 'version'], { timeout: 30_000 }).status === 0,
  ) ?? null;

/** The variables that a client needs to find the engine, besides the given ones. A `.env` of the checkout must add none. */
export function engineEnvironment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH, HOME, DOCKER_HOST } = process.env;
  return { PATH, HOME, ...(DOCKER_HOST === undefined ? {} : { DOCKER_HOST }), ...env };
}

/** True when a container engine answers and compose can use it. */
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
