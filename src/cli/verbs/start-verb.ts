import { ABSENT_SETTINGS } from '../../config/no-effect.ts';
import { defineVerb, examples } from './verb.ts';
import { addSettings } from './verb-options.ts';

export interface StartOptions {
  /** Path as typed; undefined: the default names in `cwd`. */
  readonly config: string | undefined;
  /** 'always' with --sample, 'never' with --no-sample, else 'if-embedded': an empty private database alone gets the sample. */
  readonly sample: 'always' | 'never' | 'if-embedded';
  readonly traffic: boolean;
  /** For `readConfig`. */
  readonly flags: Readonly<Record<string, unknown>>;
}

export const startVerb = defineVerb<StartOptions>({
  name: 'start',
  define: (command, run) => {
    command
      .description('run the daemon in the foreground until SIGTERM or SIGINT')
      .option('--config <file>', 'file that exports the projections (default: projectionist.config.js in this folder)')
      .option('--sample', 'append the sample history to an empty store, also of DATABASE_URL')
      .option('--no-sample', 'append no sample history')
      .option('--traffic', 'append events while the daemon runs', false)
      .addHelpText('after', absentSettings)
      .addHelpText('after', examples('start', 'start --config dist/projectionist.config.js --port 0'));
    addSettings(command);
    command.action(async (given: { config?: string; sample?: boolean; traffic: boolean }) => {
      const { config, sample: asked, traffic, ...flags } = given;
      const sample = asked === undefined ? 'if-embedded' : asked ? 'always' : 'never';
      await run({ config, sample, traffic, flags });
    });
  },
  run: async (options, context) => {
    // Imported here, so that the other verbs start in half the time.
    const { start } = await import('../start/start.ts');
    return await start(options, context);
  },
});

function absentSettings(): string {
  return `\nSettings that do not exist:\n${ABSENT_SETTINGS.map(({ setting, reason }) => `  ${setting}: ${reason}`).join('\n')}`;
}
