import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The version in the package's own package.json, which is nearest above this file, built or not. */
export function packageVersion(from = import.meta.dirname): string {
  const file = join(from, 'package.json');
  if (!existsSync(file)) return dirname(from) === from ? 'unknown' : packageVersion(dirname(from));
  const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const version: unknown =
    typeof content === 'object' && content !== null ? Reflect.get(content, 'version') : undefined;
  return typeof version === 'string' ? version : 'unknown';
}
