import { connect } from 'amqplib';

/**
 * Publishes that many pushes as fast as the broker confirms them, from a process of its own, and says `done`. Arguments:
 * URL, exchange, how many.
 */
const [url = '', exchange = '', count = '0'] = process.argv.slice(2);
const connection = await connect(url);
const channel = await connection.createConfirmChannel();
for (let at = 1; at <= Number(count); at += 1) {
  const body = Buffer.from(`{"position":"${at}"}`);
  const room = channel.publish(exchange, 'domain.Band.BandCreated', body, { persistent: true });
  if (!room) await new Promise((resolve) => channel.once('drain', resolve));
}
await channel.waitForConfirms();
await connection.close();
process.send?.('done');
process.disconnect();
