const ERROR = /^.*\b(?:FATAL|PANIC|ERROR|error): +(.+)$/;
const PANIC = /^.*\bPANIC: +(.+)$/;

/** The one line of a program's output that says why it failed: its first error, else its last words. */
export function whyOf(output: string): string {
  const lines = linesOf(output);
  return lines.find((line) => ERROR.test(line))?.replace(ERROR, '$1') ?? lines.at(-1) ?? 'it said nothing';
}

/** The line with which a server gave up, null when there is none: its other errors are those of statements. */
export function panicIn(output: string): string | null {
  return (
    linesOf(output)
      .find((line) => PANIC.test(line))
      ?.replace(PANIC, '$1') ?? null
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
  const { code = '', path, message, syscall } = error as NodeJS.ErrnoException;
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
    case 'EIO':
      return `the disk of ${what} reports an error (EIO): check the disk, or start in another folder`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${what} is a file where a folder is needed: move it away`;
    case 'ENAMETOOLONG':
      return `${what} is too long a path: start in another folder`;
    default:
      return null;
  }
}
