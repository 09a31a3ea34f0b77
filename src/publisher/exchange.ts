import type { Channel, ChannelModel } from 'amqplib';

/** AMQP's reply codes. */
const ACCESS_REFUSED = 403;
const NOT_FOUND = 404;
const PRECONDITION_FAILED = 406;

/**
 * Makes sure that there is a durable topic exchange of this name. A user who may not declare one can still use one that
 * is there. On channels of its own, since each refusal ends the channel it comes over.
 * @throws Error with what to do, in one line
 */
export async function declareExchange(connection: ChannelModel, exchange: string): Promise<void> {
  const refusal = await attempt(connection, (channel) => channel.assertExchange(exchange, 'topic', { durable: true }));
  if (refusal === null) return;
  if (refusal.code === ACCESS_REFUSED) {
    const missing = await attempt(connection, (channel) => channel.checkExchange(exchange));
    if (missing === null) return;
    if (missing.code === NOT_FOUND)
      throw new Error(
        `there is no exchange '${exchange}', and this user may not declare it: declare it as a durable topic exchange, or grant 'configure' on it`,
        { cause: missing.error },
      );
    throw missing.error;
  }
  if (refusal.code === PRECONDITION_FAILED)
    throw new Error(
      `the exchange '${exchange}' is not a durable topic exchange: delete it, or set AMQP_EXCHANGE to another name (${refusal.error.message})`,
      { cause: refusal.error },
    );
  throw refusal.error;
}

/** Null when it went well. */
async function attempt(
  connection: ChannelModel,
  work: (channel: Channel) => Promise<unknown>,
): Promise<{ readonly code: unknown; readonly error: Error } | null> {
  const channel = await connection.createChannel();
  // Without a listener the refusal would end the connection.
  channel.on('error', () => undefined);
  try {
    await work(channel);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { code: Reflect.get(error, 'code'), error };
  }
  await channel.close();
  return null;
}
