import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** One instruction of a Dockerfile, its continued lines joined. */
interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The stages of a Dockerfile in order, each a list of instructions. */
export async function readStages(file: string): Promise<readonly (readonly Instruction[])[]> {
  const text = (await readFile(file, 'utf8')).replaceAll('\\\n', ' ');
  const stages: Instruction[][] = [];
  for (const line of text.split('\n')) {
    const [, name = '', rest = ''] = /^([A-Z]+) +(.+)$/.exec(line) ?? [];
    if (name === 'FROM') stages.push([]);
    else if (name !== '') stages.at(-1)?.push({ name, text: rest });
  }
  return stages;
}

/** Runs the COPY instructions of a stage from `context`, or for `--from` from `build`, with `to` as `/app`. */
export async function copyFiles(
  stage: readonly Instruction[],
  { context, build, to }: { readonly context: string; readonly build: string; readonly to: string },
): Promise<void> {
  for (const { text } of stage.filter(({ name }) => name === 'COPY')) {
    const fromBuild = text.startsWith('--from=');
    const words = text.split(/ +/).slice(fromBuild ? 1 : 0);
    const target = words.pop() ?? '.';
    for (const source of words) {
      const from = fromBuild ? join(build, source.replace('/app/', '')) : join(context, source);
      // A target with a trailing slash is a folder; any other target is the new name.
      const into = target.endsWith('/') ? join(to, target, basename(source)) : join(to, target);
      await mkdir(join(into, '..'), { recursive: true });
      await cp(from, into, { recursive: true, verbatimSymlinks: true });
    }
  }
}

/** The RUN instructions of a stage, in order. */
export function commandsOf(stage: readonly Instruction[]): readonly string[] {
  return stage.filter(({ name }) => name === 'RUN').map(({ text }) => text);
}

/** The arguments of ENTRYPOINT and CMD together, which are lists in JSON. */
export function startCommand(stage: readonly Instruction[]): readonly string[] {
  return ['ENTRYPOINT', 'CMD'].flatMap((wanted) => {
    const text = stage.find(({ name }) => name === wanted)?.text ?? '[]';
    return JSON.parse(text) as string[];
  });
}

/** The variables that the stage's ENV instructions set. */
export function environmentOf(stage: readonly Instruction[]): Readonly<Record<string, string>> {
  const pairs = stage.filter(({ name }) => name === 'ENV').flatMap(({ text }) => text.split(/ +/));
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

/** Runs a shell command to its end. @throws Error with what it printed, when its exit code is not 0 */
export async function runIn(cwd: string, command: string, timeoutMs: number): Promise<void> {
  const { PATH, HOME } = process.env;
  const child = spawn('sh', ['-c', command], { cwd, env: { PATH, HOME }, timeout: timeoutMs });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-10_000);
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code ?? 'a signal'}:\n${printed}`);
}
