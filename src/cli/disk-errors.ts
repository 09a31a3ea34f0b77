import { EngineError } from '../core/errors.ts';

/** What a disk says when it takes no more, with what to do. A wrong path is another kind of error: CONFIG_FILE. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on its disk: free some, or write elsewhere',
  EDQUOT: 'the disk quota is used up: free some space, or write elsewhere',
  EFBIG: 'the file is as large as it may become here: write elsewhere',
  EROFS: 'its file system is read-only: write elsewhere',
  EIO: 'its disk reports an error (EIO): check the disk, or write elsewhere',
};

/**
 * @param file the file that was being written, or `stdout`
 * @param left what is there now: `nothing was left there`
 * @returns null for an error that is not of a disk
 */
export function diskError(error: unknown, file: string, left: string): EngineError | null {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const reason = typeof code === 'string' ? REASONS[code] : undefined;
  return reason === undefined ? null : new EngineError('DISK_FULL', { file, reason, left }, { cause: error });
}

export const INCOMPLETE = 'what was written is incomplete';
