/**
 * Whether programs would disagree about where the password of a server's URL ends: `u:p@ss/w#rd@host` names the host `ss`
 * to a parser of URLs, `u:12/34@host` the host `u`, and a part of the password would be shown as an address.
 */
export function isAmbiguousUrl(text: string): boolean {
  const [authority = '', ...rest] = text.replace(/^\w+:\/\//, '').split(/[/?]/);
  return text.includes('#') || authority.split('@').length > 2 || rest.join('').includes('@');
}

/** What to do about such a URL, and about one that does not parse. */
export const ENCODE_PASSWORD = 'a password with / ? # @ in it must be percent-encoded';
