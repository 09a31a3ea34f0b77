import { ENCODE_PASSWORD, isAmbiguousUrl } from '../core/ambiguous-url.ts';

/** The parts of a broker's URL that may be shown: host, port, vhost. Default port 5672, with TLS 5671. */
export function describeBroker(url: string): string {
  if (isAmbiguousUrl(url) || !URL.canParse(url)) return 'the given address';
  const { protocol, hostname, port, pathname } = new URL(url);
  const vhost = pathname === '' || pathname === '/' ? '' : pathname;
  return `${hostname}:${port || (protocol === 'amqps:' ? '5671' : '5672')}${vhost}`;
}

/** Why the broker could not be used. For an ambiguous URL the message of the socket would show a part of the password as the host. */
export function connectFailure(url: string, error: unknown): string {
  const reason = isAmbiguousUrl(url) ? `it is not a URL (${ENCODE_PASSWORD})` : reasonOf(error);
  return `cannot use RabbitMQ at ${describeBroker(url)}: ${reason}`;
}

/** A reason that an operator can act on; some socket errors have a code and no message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection was closed';
  const code = 'code' in error ? String(error.code) : error.name;
  const message = error.message === '' ? code : error.message;
  return brokerReason(message).replaceAll(/\s+/g, ' ').slice(0, 300);
}

/** amqplib reports a refused handshake by the names of its frames. */
function brokerReason(message: string): string {
  // The library drops the reason that the broker gives.
  if (message.startsWith('Expected ConnectionOpenOk; got'))
    return 'the broker refuses the vhost: it does not exist (`rabbitmqctl list_vhosts`), this user may not use it (`rabbitmqctl list_permissions`), or it has reached its limit of connections';
  if (/^Expected .*; got /s.test(message)) return 'it gave an unexpected answer: is it RabbitMQ?';
  return /^Handshake terminated by server: .* with message "(.*)"/s.exec(message)?.[1] ?? message;
}
