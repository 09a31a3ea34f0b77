import { Client, type ClientConfig, DatabaseError } from 'pg';
import type { Clock } from '../core/clock.ts';
import { EngineError } from '../core/errors.ts';
import { ConnectGate } from './connect-gate.ts';
import { startupOptionsOf } from './driver.ts';
import { pooled, proofOf, proveSession } from './session-proof.ts';
import { keepalives, type SearchPath, sessionSettings } from './session-settings.ts';

type OnConnect = ((error: Error) => void) | ((error: null, client: Client) => void);

/** Settings that every pooler accepts in the start-up message. */
const POOLER_SETTINGS = ['TimeZone', 'DateStyle', 'standard_conforming_strings'];

/**
 * A pooler has refused the settings in the start-up message, or the server has no TLS and TLS is only preferred. The next
 * connection goes without them: connect again.
 */
export class SettingsRefused extends Error {}

/**
 * The driver's client, with our settings in its start-up message. There they override those of database and role, hold from
 * the first statement on, and cost no round trip. Before its first statement a session proves that they hold, and that it is
 * a session of the server, not one of a pooler in transaction mode. Behind such a pooler each transaction begins with the
 * settings instead (`Proof.prelude`). All clients of one such class connect through the same gate.
 */
export function sessionClient(
  options: SearchPath & {
    readonly connectWithinMs: number;
    /** Whether to connect without TLS if the server has none (sslmode=prefer). */
    readonly allowsPlain: boolean;
    readonly clock: Clock;
  },
): new (
  config?: ClientConfig,
) => Client {
  const { connectWithinMs, allowsPlain, clock } = options;
  const gate = new ConnectGate(clock);
  const settings = sessionSettings(options);
  const proof = proofOf(settings);
  let settingsRefused = false;
  let plain = false;
  return class extends Client {
    readonly #applicationName: string | undefined;
    readonly #options: string | undefined;

    constructor(config: ClientConfig = {}) {
      super({ ...config, ...(plain && { ssl: false }), connectionTimeoutMillis: connectWithinMs });
      this.#applicationName = config.application_name;
      this.#options = optionsOf(this, settings);
      // Callers learn of a lost connection from their statements. Without a listener the error event would end the process.
      this.on('error', () => undefined);
    }

    override connect(): Promise<Client>;
    override connect(callback: OnConnect): void;
    override connect(callback?: OnConnect): Promise<Client> | undefined {
      const connected = this.#connect();
      if (callback === undefined) return connected;
      const done = callback as (error: Error | null, client?: Client) => void;
      connected.then((client) => done(null, client), done);
      return undefined;
    }

    async #connect(): Promise<Client> {
      const open = async (): Promise<boolean> => {
        try {
          await super.connect();
        } catch (error) {
          if (allowsPlain && !plain && isWithoutTls(error)) plain = true;
          else if (!settingsRefused && isRefusal(error)) settingsRefused = true;
          else throw error;
          return false;
        }
        const own = await proveSession(this, proof, connectWithinMs, clock);
        if (!own) pooled.set(this, proof.prelude);
        return true;
      };
      if (await gate.pass(open)) return this;
      throw new SettingsRefused('the connection was refused with these settings: connect again without them');
    }

    /** The fields of the start-up message; called by the driver. */
    getStartupConf(): Record<string, string | undefined> {
      const sent = [...keepalives, ...settings].filter(([name]) => !settingsRefused || POOLER_SETTINGS.includes(name));
      return {
        user: this.user,
        database: this.database,
        application_name: this.#applicationName,
        ...(this.#options !== undefined && { options: this.#options }),
        ...Object.fromEntries(sent.filter(([name]) => name !== 'client_encoding')),
      };
    }
  };
}

function isRefusal(error: unknown): boolean {
  return error instanceof DatabaseError && error.message.startsWith('unsupported startup parameter: ');
}

/** By the message: the driver has no code for this error. */
function isWithoutTls(error: unknown): boolean {
  return error instanceof Error && error.message === 'The server does not support SSL connections';
}

/**
 * `?options=` of the URL, or PGOPTIONS; undefined if there are none.
 * @throws EngineError CONFIG_INVALID if they set one of our settings, which would silently override theirs
 */
function optionsOf(client: Client, settings: ReadonlyMap<string, string>): string | undefined {
  const given = startupOptionsOf(client);
  if (given === '') return undefined;
  for (const [, name = ''] of given.matchAll(/(?:-c\s*|--)([\w.-]+)\s*=/g)) {
    const setting = [...settings.keys()].find((one) => one.toLowerCase() === name.toLowerCase().replaceAll('-', '_'));
    if (setting === undefined) continue;
    const instead = setting === 'search_path' ? 'SCHEMA and EXTENSION_SCHEMAS say where tables are' : 'take it out';
    const reason = `options (of the URL, or PGOPTIONS) set ${setting}, which the engine sets itself: ${instead}`;
    throw new EngineError('CONFIG_INVALID', { setting: 'DATABASE_URL', reason });
  }
  return given;
}
