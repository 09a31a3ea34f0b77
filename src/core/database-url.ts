import { ENCODE_PASSWORD, isAmbiguousUrl } from './ambiguous-url.ts';

/** What libpq means by them; `allow`, which tries without TLS first, is refused. */
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
type SslMode = (typeof SSL_MODES)[number];

/** How TLS is to be used, as the URL has it. */
export interface TlsSettings {
  readonly mode: SslMode;
  /** Files; `system`: the certificate authorities that Node knows. */
  readonly rootCert: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

export interface DatabaseUrl {
  /** Without what is said of TLS. */
  readonly url: string;
  /** Null: the URL says nothing of it. */
  readonly tls: TlsSettings | null;
  /** The database, with the slash before it; empty: none is named. */
  readonly path: string;
}

/** Parts of TLS that are taken out, since the driver means something else by them. */
const OURS = new Set(['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'uselibpqcompat']);
const NO_URL = `is not a URL (${ENCODE_PASSWORD})`;

/** @returns the URL read; what is wrong with it, in words that repeat no part of it: that may be of the password */
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
  const rest = pairs.filter((pair) => !OURS.has(pair.split('=')[0] ?? ''));
  return { url: `${scheme}${authority}${path}${rest.length > 0 ? `?${rest.join('&')}` : ''}`, tls, path };
}

const SEVERAL =
  'names several hosts: name one, that of the primary or of a proxy (a name in the DNS will do) that leads to it';

const BAD_PORT = 'has a port that is no number from 1 to 65535';

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

/** Digits alone: other text behind the colon may be a password whose URL is not one. */
function hasBadPort(host: string): boolean {
  const [, port] = /:(\d+)$/.exec(host.startsWith('[') ? host.slice(host.indexOf(']')) : host) ?? [];
  return port !== undefined && !isPort(port);
}

/** None is one too: the environment or `?host=` names it then. */
function isHost(text: string, scheme: string): boolean {
  return text === '' || URL.canParse(`${scheme}${text}`);
}

/** What cannot be decoded would throw at every attempt to connect. A % that begins no escape is taken as it is. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text.replaceAll(/%(?![\da-f]{2})/gi, '%25'));
    return true;
  } catch {
    return false;
  }
}

/** @returns null where nothing is said of TLS */
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
      problem: 'has sslrootcert=system, which anybody can get a certificate of: use sslmode=verify-full with it',
    };
  }
  return { mode, ...files };
}

const UNKNOWN_MODE = `an sslmode that is none of ${SSL_MODES.join(', ')}`;

/** Null: there is no such mode. The driver's own `no-verify` is what everybody else calls `require`. */
function toSslMode(text: string): SslMode | null {
  if (text === 'no-verify') return 'require';
  return SSL_MODES.find((mode) => mode === text) ?? null;
}
