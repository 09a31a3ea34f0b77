import { isatty } from 'node:tty';
import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { LogLevel } from '../../config/schema.ts';

/** Keys whose values are secrets wherever they turn up. */
const SECRET_KEYS = ['token', 'password', 'authorization', 'databaseUrl', 'amqpUrl', 'connectionString', 'cookie'];
/** Shorter ones occur inside ordinary words, and replacing those would make the log unreadable. */
const SHORTEST_SECRET = 6;

const MAX_KEPT_BYTES = 1024 * 1024;

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Texts that must not appear in any line, whatever part of it they got into (`secretsOf`). */
  readonly secrets: readonly string[];
  /** File descriptor. Default 2, stderr: stdout is for what commands answer. */
  readonly fd?: number;
  /** Whether a person reads it. Default: whether `fd` is a terminal. */
  readonly readable?: boolean;
  /** Default true; only where it is readable. */
  readonly colours?: boolean;
  /** Called once when lines cannot be written any more, since the log itself cannot say it. */
  readonly onLost?: (error: Error) => void;
}

/**
 * One JSON object a line; on a terminal a line for a person, without process id and host, its fields behind its text. Lines are written at once, so that the last ones before a crash are there. A reader that
 * went away or a full disk loses lines and never stops the process. Once lines can be written again, the log says how
 * many were lost.
 */
export function createLogger({ level, secrets, fd = 2, onLost = () => undefined, ...parts }: LoggerOptions): Logger {
  const { readable = isatty(fd), colours = true } = parts;
  // Lines that cannot be written are kept to be tried again, so without a bound they would fill the memory.
  const stream = destination({ fd, sync: true, maxLength: MAX_KEPT_BYTES });
  let failed = false;
  let lost = 0;
  stream.on('error', (error) => {
    if (!failed) onLost(error);
    failed = true;
  });
  stream.on('drop', () => {
    lost += 1;
  });
  stream.on('write', () => {
    if (!failed) return;
    failed = false;
    const lines = lost;
    lost = 0;
    // Later: this write has not ended yet.
    process.nextTick(() =>
      log.warn({ lines }, 'the log could not be written for a while; this many lines of it are lost'),
    );
  });
  const pretty = readable
    ? prettyFactory({ colorize: colours, ignore: 'pid,hostname', singleLine: true, translateTime: 'SYS:HH:MM:ss' })
    : null;
  const forms = formsOf(secrets);
  const log = pino(
    {
      level,
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[redacted]' },
      hooks: {
        streamWrite: (line) => {
          let clean = line.replaceAll(/(\b[a-z]+:\/\/[^\s:@/"]*):[^\s@/"]+@/gi, '$1:[redacted]@');
          for (const form of forms) clean = clean.replaceAll(form, '[redacted]');
          return pretty === null ? clean : pretty(clean);
        },
      },
    },
    stream,
  );
  return log;
}

/** As they are and as JSON writes them; the longest first, since one may be part of another. */
function formsOf(secrets: readonly string[]): readonly string[] {
  const forms = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  return [...new Set(forms)].sort((a, b) => b.length - a.length);
}
