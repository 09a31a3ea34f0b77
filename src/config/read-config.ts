import { hostname } from 'node:os';
import type { z } from 'zod';
import { EngineError } from '../core/errors.ts';
import { percentDecoded } from '../core/percent-encoding.ts';
import { flagOf, SETTING_NAMES, SETTING_SOURCES, type SettingName, settingsSchema } from './schema.ts';

/** The settings of a process, checked; times in milliseconds. What each means: `.describe()` in schema.ts. */
export type Config = Readonly<Omit<z.output<typeof settingsSchema>, 'daemonId'>> & { readonly daemonId: string };

export interface ConfigSources {
  /** From the command line, by setting name; undefined is not given. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The `settings` of the config file. */
  readonly file?: Readonly<Record<string, unknown>>;
}

/**
 * Flag over environment over file over default. An environment variable that is empty counts as not set, as it does for
 * PostgreSQL's own programs and for `NAME= command`.
 * @throws EngineError CONFIG_INVALID, naming the setting the way it was given
 */
export function readConfig({ flags = {}, env, file = {} }: ConfigSources): Config {
  const unknown = Object.keys(file).find((key) => !isSettingName(key));
  if (unknown !== undefined) {
    throw new EngineError('CONFIG_INVALID', {
      setting: `settings.${unknown.slice(0, 80)}`,
      reason: `there is no such setting: known are ${SETTING_NAMES.join(', ')}`,
    });
  }
  const values: Record<string, unknown> = {};
  const givenAs = new Map<string, string>();
  for (const name of SETTING_NAMES) {
    const { env: variable } = SETTING_SOURCES[name];
    const given = (
      [
        [flagOf(name), flags[name]],
        [variable, env[variable] === '' ? undefined : env[variable]],
        [`settings.${name}`, file[name]],
      ] as const
    ).find(([, value]) => value !== undefined);
    if (given === undefined) continue;
    givenAs.set(name, given[0]);
    values[name] = given[1];
  }
  const result = settingsSchema.safeParse(values);
  if (result.success && result.data.publish === true && result.data.amqpUrl === null) {
    const setting = givenAs.get('publish') ?? 'publish';
    throw new EngineError('CONFIG_INVALID', { setting, reason: 'on needs a broker: set AMQP_URL as well' });
  }
  if (result.success) {
    return Object.freeze({ ...result.data, daemonId: result.data.daemonId ?? `${hostname()}:${process.pid}` });
  }
  const issue = result.error.issues[0];
  const name = String(issue?.path[0] ?? '');
  throw new EngineError('CONFIG_INVALID', {
    setting: givenAs.get(name) ?? name,
    reason: issue?.message ?? 'is not valid',
  });
}

/** For logs: the same settings with secrets replaced. */
export function redactedConfig(config: Config): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      isSettingName(name) && SETTING_SOURCES[name].secret && value !== null ? '[redacted]' : value,
    ]),
  );
}

/** The texts that must never reach a log or an answer: the token, the URLs of database, broker and webhook and their passwords. */
export function secretsOf(
  config: Pick<Config, 'token' | 'databaseUrl' | 'amqpUrl' | 'haltWebhookUrl'>,
): readonly string[] {
  const urls = [config.databaseUrl, ...(config.amqpUrl ?? []), config.haltWebhookUrl];
  const passwords = urls.flatMap((url) => {
    const authority = /^\w+:\/\/([^@/]*)@/.exec(url ?? '')?.[1];
    const inQuery = [...(url ?? '').matchAll(/[?&](?:ssl)?password=([^&#]*)/g)].map(([, text]) => text ?? '');
    return [authority?.split(':').slice(1).join(':') ?? '', ...inQuery]
      .filter((password) => password !== '')
      .flatMap((password) => [password, percentDecoded(password)]);
  });
  return [config.token, ...urls, ...passwords].filter((secret) => secret !== null);
}

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTING_SOURCES, name);
}
