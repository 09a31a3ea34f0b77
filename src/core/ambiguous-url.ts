/**
 * Whether URL parsers could end the password of a server's URL at different characters. A parser reads the host `ss` from
 * `u:p@ss/w#rd@host` and the host `u` from `u:12/34@host`, so a part of the password would be shown as an address.
 */
export function isAmbiguousUrl(text: string): boolean {
  const [authority = '', ...rest] = text.replace(/^\w+:\/\//, '').split(/[/?]/);
  return text.includes('#') || authority.split('@').length > 2 || rest.join('').includes('@');
}

/** The advice for such a URL, and for one that does not parse. */
export const ENCODE_PASSWORD = 'a password with / ? # @ in it must be percent-encoded';
