import { ENCODE_PASSWORD, isAmbiguousUrl } from '../core/ambiguous-url.ts';
import { readDatabaseUrl } from '../core/database-url.ts';
import { isEngineError } from '../core/errors.ts';
import { checkIdentifier } from '../core/identifier.ts';

const NOT_A_URL = `is not a URL (${ENCODE_PASSWORD})`;

/** What is wrong with a text as a value of its kind, or null. None of them repeats it: it may be a password. */

export function databaseUrlProblem(text: string): string | null {
  const read = readDatabaseUrl(text);
  return 'problem' in read ? read.problem : null;
}

export function webhookProblem(text: string): string | null {
  if (!/^https?:\/\//.test(text)) return 'must begin with https:// or http://';
  if (!URL.canParse(text)) return NOT_A_URL;
  const { username, password } = new URL(text);
  return isDecodable(username + password) ? null : 'is not a URL (a % in it must be written %25)';
}

export function brokerUrlProblem(text: string): string | null {
  if (!/^amqps?:\/\//.test(text)) return 'must begin with amqp:// or amqps:// (in a password , is written %2C)';
  if (isAmbiguousUrl(text) || !URL.canParse(text)) return NOT_A_URL;
  if (new URL(text).hostname === '') return 'names no host';
  // What cannot be decoded would throw at every attempt to connect.
  const { username, password, pathname } = new URL(text);
  return isDecodable(username + password + pathname) ? null : 'is not a URL (a % in it must be written %25)';
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

export function brokerNameProblem(text: string): string | null {
  if (text.startsWith('amq.')) return 'must not begin with amq., which the broker keeps to itself';
  return /^[\w.:-]{1,127}$/.test(text) ? null : 'must be 1 to 127 letters, digits, and . _ : -';
}

export function schemaProblem(text: string): string | null {
  try {
    checkIdentifier('schema', text);
    return null;
  } catch (error) {
    if (isEngineError(error)) return error.message;
    throw error;
  }
}
