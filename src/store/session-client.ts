import { Client, type ClientConfig } from 'pg';
import { quoteIdentifier } from '../core/identifier.ts';
import { ConnectGate } from './connect-gate.ts';

type OnConnect = ((error: Error) => void) | ((error: null, client: Client) => void);

/**
 * The driver's client with settings in its start-up message: they hold from the first statement on, cost no round trip,
 * and poolers know them. All clients of one such class connect through the same gate.
 */
export function sessionClient(options: {
  readonly schema: string;
  readonly connectWithinMs: number;
}): new (
  config?: ClientConfig,
) => Client {
  const { schema, connectWithinMs } = options;
  const gate = new ConnectGate();
  const settings = {
    search_path: schema === 'public' ? 'public' : `${quoteIdentifier(schema)}, public`,
    TimeZone: 'UTC',
    DateStyle: 'ISO, YMD',
    standard_conforming_strings: 'on',
  };
  return class extends Client {
    readonly #applicationName: string | undefined;

    constructor(config: ClientConfig = {}) {
      super({ ...config, connectionTimeoutMillis: connectWithinMs });
      this.#applicationName = config.application_name;
      // Whoever uses it hears of a loss by its statements; an error that nobody listens for would end the process.
      this.on('error', () => undefined);
    }

    override connect(): Promise<Client>;
    override connect(callback: OnConnect): void;
    override connect(callback?: OnConnect): Promise<Client> | undefined {
      const connected = gate.pass(() => super.connect());
      if (callback === undefined) return connected;
      const tell = callback as (error: Error | null, client?: Client) => void;
      connected.then((client) => tell(null, client), tell);
      return undefined;
    }

    /** The driver calls it for the start-up message. */
    getStartupConf(): Record<string, string | undefined> {
      return { user: this.user, database: this.database, application_name: this.#applicationName, ...settings };
    }
  };
}
