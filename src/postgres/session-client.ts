import { Client, type ClientConfig, DatabaseError } from 'pg';
import { EngineError } from '../core/errors.ts';
import { ConnectGate } from './connect-gate.ts';
import { pooled, proofOf, proveSession } from './session-proof.ts';
import { keepalives, type SearchPath, sessionSettings } from './session-settings.ts';

type OnConnect = ((error: Error) => void) | ((error: null, client: Client) => void);

/** What every pooler takes in the start-up message. */
const POOLERS_TAKE = ['TimeZone', 'DateStyle', 'standard_conforming_strings'];

/**
 * A pooler has refused the settings in the start-up message, or a server TLS where it is preferred only. The next
 * connection goes without: connect again.
 */
export class SettingsRefused extends Error {}

/**
 * The driver's client with our settings: in its start-up message, where they win over those of database and role, hold
 * from the first statement on, and cost nothing. Before its first statement a session shows that they hold and that
 * it is a session of the server's, not one that a pooler shares out by transactions: there each transaction begins
 * with them instead (`preludeOf`). All clients of one such class connect through the same gate.
 */
export function sessionClient(
  options: SearchPath & {
    readonly connectWithinMs: number;
    /** A server that has no TLS is connected to without (sslmode=prefer). */
    readonly plainWillDo: boolean;
  },
): new (
  config?: ClientConfig,
) => Client {
  const { connectWithinMs, plainWillDo } = options;
  const gate = new ConnectGate();
  const settings = sessionSettings(options);
  const proof = proofOf(settings);
  let refused = false;
  let plain = false;
  return class extends Client {
    readonly #applicationName: string | undefined;
    readonly #options: string | undefined;

    constructor(config: ClientConfig = {}) {
      super({ ...config, ...(plain && { ssl: false }), connectionTimeoutMillis: connectWithinMs });
      this.#applicationName = config.application_name;
      this.#options = optionsOf(this, settings);
      // Whoever uses it hears of a loss by its statements; an error that nobody listens for would end the process.
      this.on('error', () => undefined);
    }

    override connect(): Promise<Client>;
    override connect(callback: OnConnect): void;
    override connect(callback?: OnConnect): Promise<Client> | undefined {
      const connected = this.#connect();
      if (callback === undefined) return connected;
      const tell = callback as (error: Error | null, client?: Client) => void;
      connected.then((client) => tell(null, client), tell);
      return undefined;
    }

    async #connect(): Promise<Client> {
      const open = async (): Promise<boolean> => {
        try {
          await super.connect();
        } catch (error) {
          if (plainWillDo && !plain && isWithoutTls(error)) plain = true;
          else if (!refused && isRefusal(error)) refused = true;
          else throw error;
          return false;
        }
        const own = await proveSession(this, proof, connectWithinMs);
        if (!own) pooled.set(this, proof.prelude);
        return true;
      };
      if (await gate.pass(open)) return this;
      throw new SettingsRefused('refused as it was, and to be tried otherwise');
    }

    /** The driver calls it for the start-up message. */
    getStartupConf(): Record<string, string | undefined> {
      const sent = [...keepalives, ...settings].filter(([name]) => !refused || POOLERS_TAKE.includes(name));
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

/** The driver has no code for it. */
function isWithoutTls(error: unknown): boolean {
  return error instanceof Error && error.message === 'The server does not support SSL connections';
}

/**
 * `?options=` of the URL, or PGOPTIONS. @throws EngineError CONFIG_INVALID where they name a setting that is not theirs:
 * it would be overridden without a word
 */
function optionsOf(client: Client, settings: ReadonlyMap<string, string>): string | undefined {
  const parameters: unknown = Reflect.get(client, 'connectionParameters');
  const given: unknown =
    typeof parameters === 'object' && parameters !== null ? Reflect.get(parameters, 'options') : '';
  if (typeof given !== 'string' || given === '') return undefined;
  for (const [, name = ''] of given.matchAll(/(?:-c\s*|--)([\w.-]+)\s*=/g)) {
    const setting = [...settings.keys()].find((one) => one.toLowerCase() === name.toLowerCase().replaceAll('-', '_'));
    if (setting === undefined) continue;
    const instead = setting === 'search_path' ? 'SCHEMA and EXTENSION_SCHEMAS say where tables are' : 'take it out';
    const reason = `options (of the URL, or PGOPTIONS) set ${setting}, which the engine sets itself: ${instead}`;
    throw new EngineError('CONFIG_INVALID', { setting: 'DATABASE_URL', reason });
  }
  return given;
}
