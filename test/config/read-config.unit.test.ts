import { describe, expect, it } from 'vitest';
import { readConfig, redactedConfig, secretsOf } from '../../src/config/read-config.ts';
import { renderConfigReference } from '../../src/config/reference.ts';
import { SETTING_NAMES, SETTING_SOURCES, settingsSchema } from '../../src/config/schema.ts';

describe('settings', () => {
  it('have the defaults of the reference', () => {
    expect(readConfig({ env: {} })).toMatchObject({
      databaseUrl: null,
      schema: 'public',
      amqpUrl: null,
      amqpExchange: 'domain.events',
      amqpControlQueue: null,
      host: '127.0.0.1',
      port: 4400,
      token: null,
      logLevel: 'info',
      requeueEveryMs: 60_000,
      retryFailedAfterMs: 1_000,
      retries: 5,
      bulkLimit: null,
      listenNotify: true,
    });
  });

  it('name the daemon by host and process id unless told otherwise', () => {
    expect(readConfig({ env: {} }).daemonId).toMatch(new RegExp(`:${process.pid}$`));
    expect(readConfig({ env: { DAEMON_ID: 'blue-1' } }).daemonId).toBe('blue-1');
  });

  it('come from the flag before the environment before the file before the default', () => {
    const file = { port: 3, retries: 7, schema: 'app' };
    const env = { PORT: '2', RETRIES: '8' };
    expect(readConfig({ flags: { port: '1' }, env, file })).toMatchObject({ port: 1, retries: 8, schema: 'app' });
    expect(readConfig({ flags: { port: undefined }, env, file }).port).toBe(2);
  });

  it('count as not set when the environment variable is empty', () => {
    expect(readConfig({ env: { PORT: '', DATABASE_URL: '' }, file: { port: 9 } })).toMatchObject({
      port: 9,
      databaseUrl: null,
    });
  });

  it.each([
    ['PORT', '80a', "PORT: '80a' is not a whole number from 0 to 65535"],
    ['PORT', '65536', "PORT: '65536' is not a whole number from 0 to 65535"],
    ['PORT', '4e3', "PORT: '4e3' is not a whole number from 0 to 65535"],
    ['RETRIES', '-1', "RETRIES: '-1' is not a whole number from 0 to 1000000"],
    ['REQUEUE_EVERY_MS', '0', "REQUEUE_EVERY_MS: '0' is not a whole number from 1 to 2147483647"],
    ['RETRY_FAILED_AFTER_MS', '1.5', "RETRY_FAILED_AFTER_MS: '1.5' is not a whole number from 0 to 2147483647"],
    ['BULK_LIMIT', '0', "BULK_LIMIT: '0' is not a whole number from 1 to 1000000"],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL: is not one of fatal, error, warn, info, debug, trace, silent'],
    ['LISTEN_NOTIFY', 'maybe', "LISTEN_NOTIFY: 'maybe' is neither on nor off"],
    ['HOST', 'http://here', 'HOST: is not a host name or address (give the port as PORT)'],
    ['PROJECTIONIST_TOKEN', 'two words', 'PROJECTIONIST_TOKEN: must be printable ASCII without spaces'],
    [
      'ALLOWED_HOSTS',
      'a.b,*.c',
      "ALLOWED_HOSTS: '*.c' is not a host name (names only, comma-separated: no port, no *)",
    ],
    ['ALLOWED_HOSTS', 'a:80', "ALLOWED_HOSTS: 'a:80' is not a host name (names only, comma-separated: no port, no *)"],
    ['ALLOWED_HOSTS', 'a,,b', "ALLOWED_HOSTS: '' is not a host name (names only, comma-separated: no port, no *)"],
    ['AMQP_EXCHANGE', 'amq.topic', 'AMQP_EXCHANGE: must not begin with amq., which the broker keeps to itself'],
    ['AMQP_EXCHANGE', 'two words', 'AMQP_EXCHANGE: must be 1 to 127 letters, digits, and . _ : -'],
    ['AMQP_CONTROL_QUEUE', 'a#', 'AMQP_CONTROL_QUEUE: must be 1 to 127 letters, digits, and . _ : -'],
    ['DAEMON_ID', 'a\nb', 'DAEMON_ID: must be 1 to 200 printable ASCII characters without spaces'],
  ])('%s=%j stops the start with a line that says why', (name, value, message) => {
    expect(() => readConfig({ env: { [name]: value } })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message }),
    );
  });

  // Seen red with: isAmbiguousUrl left out of databaseUrlProblem.
  it.each([
    ['mysql://me:hunter22@h/d'],
    ['postgres://me:hunt#er/22@h/d'],
    ['postgres://me:p@hunter/2#2@h/d'],
    ['postgres://me:12/hunter@h/d'],
    ['postgres://me:12?hunter@h/d'],
    ['postgres://me:p@hunter@h/d'],
    ['hunter22'],
  ])('refuse DATABASE_URL=%s without repeating it', (value) => {
    const read = (): unknown => readConfig({ env: { DATABASE_URL: value } });
    expect(read).toThrow(/^DATABASE_URL: /);
    expect(read).not.toThrow(/hunt/);
  });

  it.each([['postgres://u:p@h:5432/d'], ['postgresql://h/d?sslmode=require'], ['postgres:///d?host=/run/pg']])(
    'take DATABASE_URL=%s',
    (databaseUrl) => expect(readConfig({ env: { DATABASE_URL: databaseUrl } })).toMatchObject({ databaseUrl }),
  );

  // Seen red with: the URL shown in the message of brokerUrlProblem; isAmbiguousUrl left out of it.
  it.each([
    ['amqp://me:p@hunter/w#rd@h/v'],
    ['amqp://me:12/hunter@h/v'],
    ['amqp://me:12?hunter@h/v'],
    ['amqp://me:p@hunter@h'],
    ['http://me:hunter22@h'],
    ['amqp://me:hunt#er/22@h'],
    ['amqp://me:hunter22@a,hunter22'],
    ['amqp://me:hunter22@h,'],
    ['amqp://me:hunter%22%@h'],
    ['amqp://'],
    ['hunter22'],
  ])('refuse AMQP_URL=%s without repeating it', (value) => {
    const read = (): unknown => readConfig({ env: { AMQP_URL: value } });
    expect(read).toThrow(/^AMQP_URL: /);
    expect(read).not.toThrow(/hunt/);
  });

  it('take the nodes of a cluster, comma-separated', () => {
    expect(readConfig({ env: { AMQP_URL: 'amqp://a, amqps://u:p@b:5671/vhost' } }).amqpUrl).toEqual([
      'amqp://a',
      'amqps://u:p@b:5671/vhost',
    ]);
    expect(readConfig({ env: { AMQP_URL: '' } }).amqpUrl).toBeNull();
  });

  it('take host names in any case, with spaces between', () => {
    expect(readConfig({ env: { ALLOWED_HOSTS: 'projectionist, Read.Example' } }).allowedHosts).toEqual([
      'projectionist',
      'read.example',
    ]);
    expect(readConfig({ env: {} }).allowedHosts).toBeNull();
  });

  it('refuse a schema that is no plain identifier', () => {
    expect(() => readConfig({ env: { SCHEMA: 'a"; drop table x; --' } })).toThrow(/^SCHEMA: /);
  });

  it('name the flag or the file when the bad value came from there', () => {
    expect(() => readConfig({ flags: { port: 'x' }, env: {} })).toThrow(/^--port: /);
    expect(() => readConfig({ flags: { requeueEveryMs: 'x' }, env: {} })).toThrow(/^--requeue-every-ms: /);
    expect(() => readConfig({ env: {}, file: { port: true } })).toThrow(/^settings.port: /);
  });

  it('refuse a name in the file that does not exist', () => {
    expect(() => readConfig({ env: {}, file: { prot: 1 } })).toThrow(
      /^settings\.prot: there is no such setting: known are databaseUrl/,
    );
    expect(() => readConfig({ env: {}, file: { constructor: 1 } })).toThrow(/^settings\.constructor: /);
  });

  it('print without their secrets', () => {
    const config = readConfig({
      env: {
        PROJECTIONIST_TOKEN: 'canary-1',
        DATABASE_URL: 'postgres://u:canary-2@h/d',
        AMQP_URL: 'amqp://u:canary-3@h',
      },
    });
    const printed = JSON.stringify(redactedConfig(config));
    expect(printed).not.toContain('canary');
    expect(printed).toContain('"port":4400');
  });

  it('list every form of a secret that a log could show', () => {
    const amqpUrl = ['amqp://u:q%25@a', 'amqp://b'];
    expect(secretsOf({ token: 'tok', databaseUrl: 'postgres://u:p%40ss@h/d', amqpUrl, haltWebhookUrl: null })).toEqual([
      'tok',
      'postgres://u:p%40ss@h/d',
      'amqp://u:q%25@a',
      'amqp://b',
      'p%40ss',
      'p@ss',
      'q%25',
      'q%',
    ]);
    const inQuery = 'postgres://h/d?user=u&password=p%2Fw';
    expect(secretsOf({ token: null, databaseUrl: inQuery, amqpUrl: null, haltWebhookUrl: null })).toEqual([
      inQuery,
      'p%2Fw',
      'p/w',
    ]);
    expect(secretsOf({ token: null, databaseUrl: null, amqpUrl: null, haltWebhookUrl: null })).toEqual([]);
    const haltWebhookUrl = 'https://hook.test/T0/B0/x';
    expect(secretsOf({ token: null, databaseUrl: null, amqpUrl: null, haltWebhookUrl })).toEqual([haltWebhookUrl]);
  });

  it('each have a description, a source and a row in docs/reference/config.md', async () => {
    for (const name of SETTING_NAMES) {
      expect(settingsSchema.shape[name].description, name).toMatch(/\.$/);
      expect(SETTING_SOURCES[name].env, name).toMatch(/^[A-Z_]+$/);
    }
    await expect(renderConfigReference()).toMatchFileSnapshot('../../docs/reference/config.md');
  });

  // Seen red with: PUBLISH=on taken without a broker.
  it('publishes where there is a broker unless told not to, and refuses to without one', () => {
    const amqp = { AMQP_URL: 'amqp://localhost' };
    expect(readConfig({ env: amqp }).publish).toBe(null);
    expect(readConfig({ env: { ...amqp, PUBLISH: 'off' } }).publish).toBe(false);
    expect(readConfig({ env: { ...amqp, PUBLISH: 'on' } }).publish).toBe(true);
    expect(() => readConfig({ env: { PUBLISH: 'on' } })).toThrow('PUBLISH: on needs a broker: set AMQP_URL as well');
  });
});
