import { ENCODE_PASSWORD, isAmbiguousUrl } from './ambiguous-url.ts';

/** The modes, with their meaning in libpq. `allow` is refused: it tries without TLS first. */
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
type SslMode = (typeof SSL_MODES)[number];

/** TLS settings of a URL. */
export interface TlsSettings {
  readonly mode: SslMode;
  /** Path of a file; `system`: the certificate authorities that Node knows. */
  readonly rootCert: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

export interface DatabaseUrl {
  /** Without the parameters of TLS. */
  readonly url: string;
  /** Null: the URL has no parameter of TLS. */
  readonly tls: TlsSettings | null;
  /** The database with the slash before it; empty where the URL names none. */
  readonly path: string;
}

/** Parameters of TLS. They are removed from the URL, since the driver gives them another meaning. */
const TLS_PARAMETERS = new Set(['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'uselibpqcompat']);
const NO_URL = `is not a URL (${ENCODE_PASSWORD})`;

/** @returns the parts of the URL, or its problem in words that repeat no part of it, since any part may be of the password */
export function readDatabaseUrl(text: string): DatabaseUrl | { readonly problem: string } {
  if (!/^postgres(ql)?:\/\//.test(text)) return { problem: 'must begin with postgres:// or postgresql://' };
  const [, scheme = '', authority = '', path = '', query = ''] =
    /^(\w+:\/\/)([^/?#]*)([^?#]*)\??(.*)$/s.exec(text) ?? [];
  const pairs = query === '' ? [] : query.split('&');
  if (isAmbiguousUrl(text)) return { problem: NO_URL };
  const parameters = new URLSearchParams(query);
  const at = authority.lastIndexOf('@');
  const hosts = [authority.slice(at + 1), parameters.get('host') ?? ''];
  if (hosts.some((host) => host.includes(','))) return { problem: SEVERAL };
  if (parameters.has('hostaddr')) return { problem: 'has hostaddr: put the address where the host stands' };
  if (hasBadPort(hosts[0] ?? '')) return { problem: BAD_PORT };
  if (!isHost(hosts[0] ?? '', scheme) || !isDecodable(authority)) return { problem: NO_URL };
  const port = parameters.get('port') || '5432';
  if (!isPort(port)) return { problem: BAD_PORT };
  const tls = readTls(parameters);
  if (tls !== null && 'problem' in tls) return tls;
  const rest = pairs.filter((pair) => !TLS_PARAMETERS.has(pair.split('=')[0] ?? ''));
  return { url: `${scheme}${authority}${path}${rest.length > 0 ? `?${rest.join('&')}` : ''}`, tls, path };
}

const SEVERAL =
  'names several hosts: name one, that of the primary or of a proxy (a name in the DNS will do) that leads to it';

const BAD_PORT = 'has a port that is no number from 1 to 65535';

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

/** Checks digits alone: other text after the colon may be a password in a text that is not a URL. */
function hasBadPort(host: string): boolean {
  const [, port] = /:(\d+)$/.exec(host.startsWith('[') ? host.slice(host.indexOf(']')) : host) ?? [];
  return port !== undefined && !isPort(port);
}

/** An empty host is accepted: the environment or `?host=` names the host then. */
function isHost(text: string, scheme: string): boolean {
  return text === '' || URL.canParse(`${scheme}${text}`);
}

/** A text that cannot be decoded would throw at every attempt to connect. A % that begins no escape is kept as it is. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text.replaceAll(/%(?![\da-f]{2})/gi, '%25'));
    return true;
  } catch {
    return false;
  }
}

/** @returns null where the URL has no parameter of TLS */
function readTls(parameters: URLSearchParams): TlsSettings | { readonly problem: string } | null {
  const [rootCert, cert, key] = ['sslrootcert', 'sslcert', 'sslkey'].map((name) => parameters.get(name) || null);
  const files = { rootCert: rootCert ?? null, cert: cert ?? null, key: key ?? null };
  const given = parameters.getAll('sslmode').at(-1);
  if (given === undefined) {
    return rootCert || cert || key ? { mode: 'verify-full', ...files } : null;
  }
  const mode = toSslMode(given);
  if (mode === null) return { problem: `has ${UNKNOWN_MODE}` };
  if (mode === 'verify-ca' && files.rootCert === null) {
    return { problem: 'has sslmode=verify-ca without sslrootcert: the file with the certificate authority to trust' };
  }
  if (files.rootCert === 'system' && mode !== 'verify-full') {
    return {
      problem:
        'has sslrootcert=system, whose authorities give a certificate to any host: use sslmode=verify-full with it',
    };
  }
  return { mode, ...files };
}

const UNKNOWN_MODE = `an sslmode that is none of ${SSL_MODES.join(', ')}`;

/** Null: there is no such mode. The driver's `no-verify` is `require` of libpq. */
function toSslMode(text: string): SslMode | null {
  if (text === 'no-verify') return 'require';
  return SSL_MODES.find((mode) => mode === text) ?? null;
}
