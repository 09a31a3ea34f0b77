import { readdir } from 'node:fs/promises';
import { type AnyStateMachine, StateMachine } from 'xstate';

const folder = new URL('../../machines/', import.meta.url);

/** Every machine that a file in machines/ exports. */
export async function allMachines(): Promise<readonly { readonly file: string; readonly machine: AnyStateMachine }[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).sort();
  const found = await Promise.all(
    files.map(async (file) => {
      const exported: Record<string, unknown> = await import(new URL(file, folder).href);
      return Object.values(exported)
        .filter((value) => value instanceof StateMachine)
        .map((machine) => ({ file, machine: machine as unknown as AnyStateMachine }));
    }),
  );
  return found.flat();
}
