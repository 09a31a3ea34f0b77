/** Host and port of a broker's URL: what may be shown. Default port 5672, with TLS 5671. */
export function describeBroker(url: string): string {
  if (!URL.canParse(url)) return 'the given address';
  const { protocol, hostname, port, pathname } = new URL(url);
  const vhost = pathname === '' || pathname === '/' ? '' : pathname;
  return `${hostname}:${port || (protocol === 'amqps:' ? '5671' : '5672')}${vhost}`;
}

/** What an operator can act on; some socket errors have a code and no words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection was closed';
  const code = 'code' in error ? String(error.code) : error.name;
  return (error.message === '' ? code : error.message).replaceAll(/\s+/g, ' ').slice(0, 300);
}
