import { join } from 'node:path';
import { EngineError } from '../core/errors.ts';
import { findPlatformPackage, PLATFORM_PACKAGE } from './binaries.ts';
import { type Installation, inPlace, install } from './installation.ts';
import { run } from './run.ts';
import type { ServerUser } from './server-user.ts';
import { findSystemFolders, installHint } from './system-binaries.ts';
import { whyOf } from './why.ts';

export interface Choice {
  /** The major that made the data folder: no other can run it. Undefined for a new one. */
  readonly wanted: number | undefined;
  readonly user: ServerUser;
  /** A folder of ours for what the platform package needs beside. */
  readonly libraries: string;
  /** Folders with programs of the system. Default those that are found on this machine. */
  readonly systemFolders: readonly string[] | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface Chosen extends Installation {
  readonly major: number;
}

/** The engine's SQL needs it. */
const OLDEST_MAJOR = 14;

/** A PostgreSQL that may be on this machine: where, its major if that is known before it runs, and how to get it ready. */
interface Candidate {
  readonly where: string;
  readonly major: number | undefined;
  readonly prepare: () => Promise<Installation>;
}

/**
 * The platform package if it runs here, else a PostgreSQL of the system; for an existing data folder, whichever has its
 * major.
 * @throws EngineError EMBEDDED_UNAVAILABLE when nothing runs here; an Error that names the major versions if only others run
 */
export async function chooseInstallation(choice: Choice): Promise<Chosen> {
  const fits = (major: number) => (choice.wanted === undefined ? major >= OLDEST_MAJOR : major === choice.wanted);
  const others: string[] = [];
  const broken: string[] = [];
  for (const { where, major, prepare } of await candidates(choice)) {
    choice.signal?.throwIfAborted();
    try {
      if (major !== undefined && !fits(major)) {
        others.push(`${major} (${where})`);
        continue;
      }
      const installation = await prepare();
      const found = await majorOf(installation, choice);
      if (fits(found)) return { ...installation, major: found };
      others.push(`${found} (${where})`);
    } catch (error) {
      choice.signal?.throwIfAborted();
      broken.push(`${where} cannot be used: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw await nothingFits(choice.wanted, others, broken);
}

async function candidates({ user, libraries, systemFolders }: Choice): Promise<readonly Candidate[]> {
  const found = await findPlatformPackage();
  const packaged =
    found === null ? [] : [{ where: found.name, major: found.major, prepare: () => install(found, libraries, user) }];
  const folders = systemFolders ?? (await findSystemFolders());
  const ofSystem = folders.map((bin) => ({ where: bin, major: undefined, prepare: async () => inPlace(bin) }));
  return [...packaged, ...ofSystem];
}

async function nothingFits(
  wanted: number | undefined,
  others: readonly string[],
  broken: readonly string[],
): Promise<Error> {
  const hint = await installHint();
  if (wanted !== undefined) {
    const here = [...others, ...broken].join(', ') || 'none';
    return new Error(
      `it was made by PostgreSQL ${wanted}, and here is ${here}: install PostgreSQL ${wanted}, or set DATABASE_URL to a server of that version`,
    );
  }
  const tooOld = others.map((other) => `PostgreSQL ${other} is too old`);
  const none = `${PLATFORM_PACKAGE} is not installed`;
  const reason = [...broken, ...tooOld].join('; ') || `${none}, and this machine has no PostgreSQL of its own`;
  return new EngineError('EMBEDDED_UNAVAILABLE', { reason, hint });
}

/** Runs it once: on musl, on a noexec mount or without its libraries it is there and does not start. */
async function majorOf({ bin, environment }: Installation, { user, signal }: Choice): Promise<number> {
  const options = { user, environment, cwd: '/', withinMs: 10_000, signal };
  const { code, output } = await run(join(bin, 'postgres'), ['--version'], options);
  const major = /\(PostgreSQL\) (\d+)/.exec(output)?.[1];
  if (code === 0 && major !== undefined) return Number(major);
  throw new Error(whyOf(output));
}
