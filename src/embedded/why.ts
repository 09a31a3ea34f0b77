const TELLS_WHY = /^.*\b(?:FATAL|PANIC|ERROR|error): +(.+)$/;

/** The one line of a program's output that says why it failed: its last error, else its last words. */
export function whyOf(output: string): string {
  return errorIn(output) ?? linesOf(output).at(-1) ?? 'it said nothing';
}

/** Its last error, null when it told none. */
export function errorIn(output: string): string | null {
  return (
    linesOf(output)
      .findLast((line) => TELLS_WHY.test(line))
      ?.replace(TELLS_WHY, '$1') ?? null
  );
}

function linesOf(output: string): readonly string[] {
  return output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** What the system says about a folder, with what to do about it; null when it is about something else. */
export function whyFolder(error: unknown): string | null {
  const { code, path, message, syscall } = error as NodeJS.ErrnoException;
  // About a program, not a folder.
  if (syscall?.startsWith('spawn')) return null;
  const what = path ?? message;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `user ${process.getuid?.() ?? ''} may not write to ${what}: give it that folder, or start in another one`;
    case 'EROFS':
      return `${what} is on a read-only file system: start in another folder`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `no space left for ${what}: free some`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${what} is a file where a folder is needed: move it away`;
    case 'ENAMETOOLONG':
      return `${what} is too long a path: start in another folder`;
    default:
      return null;
  }
}
