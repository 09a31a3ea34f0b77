import { connect } from 'amqplib';

/**
 * Publishes pushes from its own process, as fast as the broker confirms them. Arguments: URL, exchange, number of pushes.
 * The exchange '' leads to a queue without a consumer, with the same bound as that of a daemon.
 */
const [url = '', bound = '', count = '0'] = process.argv.slice(2);
const connection = await connect(url);
const channel = await connection.createConfirmChannel();
const unbound = await channel.assertQueue('', { exclusive: true, maxLength: 1000 });
const [exchange, key] = bound === '' ? ['', unbound.queue] : [bound, 'domain.Band.BandCreated'];
for (let at = 1; at <= Number(count); at += 1) {
  const body = Buffer.from(`{"position":"${at}"}`);
  const room = channel.publish(exchange, key, body, { persistent: true });
  if (!room) await new Promise((resolve) => channel.once('drain', resolve));
}
await channel.waitForConfirms();
await connection.close();
process.disconnect();
