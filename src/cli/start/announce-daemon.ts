import { describeError } from '../../core/describe-error.ts';
import type { Log } from '../../core/log.ts';
import { type DaemonFile, daemonFilePath, otherDaemonIn, removeDaemonFile, writeDaemonFile } from '../daemon-file.ts';
import { diskError } from '../disk-errors.ts';

/** Milliseconds between two attempts to write the file while another daemon has it, or its disk is full. */
const TRY_AGAIN_MS = 5_000;
const BY_ADDRESS = 'commands reach this one by PROJECTIONIST_URL and PROJECTIONIST_TOKEN';

export interface AnnounceOptions {
  readonly log: Log;
  /** Milliseconds between two attempts to write the file. Default 5000. */
  readonly tryAgainMs?: number;
}

/**
 * Writes the daemon file, so that the commands of this folder find the daemon. A daemon also runs without the file: the
 * root of a container is often read-only. Of several daemons in one folder the first has the file; after its end another
 * one writes its own.
 * @returns removes the file
 */
export async function announceDaemon(
  folder: string,
  own: DaemonFile,
  { log, tryAgainMs = TRY_AGAIN_MS }: AnnounceOptions,
): Promise<() => Promise<void>> {
  const file = daemonFilePath(folder);

  /** @returns false while another daemon has it, or its disk takes nothing: both can pass */
  async function announce(
    onOther: (other: DaemonFile) => void,
    onFull: (reason: string) => void = () => undefined,
  ): Promise<boolean> {
    try {
      const other = await otherDaemonIn(folder, own);
      if (other !== null) {
        onOther(other);
        return false;
      }
      await writeDaemonFile(folder, own);
    } catch (error) {
      const full = diskError(error, file, 'the daemon goes on without it, and tries again');
      if (full === null) warnUnwritten(describeError(error));
      else onFull(full.message);
      return full === null;
    }
    return true;
  }

  function warnUnwritten(reason: string): void {
    log.warn({ file, reason, control: own.url }, `daemon.json was not written: ${BY_ADDRESS}`);
  }

  let last = announce(({ pid, url }) => {
    log.warn(
      { file, other: { pid, url }, control: own.url },
      `another daemon of this folder has daemon.json until it ends: ${BY_ADDRESS}`,
    );
  }, warnUnwritten);
  let timer: NodeJS.Timeout | undefined;
  let withdrawn = false;
  const again = (): void => {
    timer = setTimeout(() => {
      last = announce(() => undefined).then((ended) => {
        if (!ended && !withdrawn) again();
        return ended;
      });
    }, tryAgainMs).unref();
  };
  if (!(await last)) again();
  return async () => {
    withdrawn = true;
    clearTimeout(timer);
    await last;
    await removeDaemonFile(folder, own).catch((error: unknown) => {
      log.warn({ file, reason: describeError(error) }, 'daemon.json was not removed');
    });
  };
}
