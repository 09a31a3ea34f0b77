import { spawnSync } from 'node:child_process';

/** The checker of Prometheus; null where it is not installed. In CI a missing promtool is an error. */
export const promtool: string | null =
  spawnSync('promtool', ['--version'], { timeout: 30_000 }).status === 0 ? 'promtool' : null;
if (promtool === null) {
  if (process.env['CI']) throw new Error('promtool is missing: install it (Debian: apt-get install prometheus)');
  console.log('skipped: promtool does not check metrics and alert rules, since it is not installed');
}

/** The problems that promtool reports; empty when there are none. */
export function complaints(args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input, encoding: 'utf8', timeout: 30_000 });
  if (error !== undefined) throw error;
  return status === 0 && stderr === '' ? '' : `${stdout}${stderr}`;
}
