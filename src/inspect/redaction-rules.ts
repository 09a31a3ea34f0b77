/**
 * Writes a value as JSON text; undefined if it may not leave. It writes text and not a copy that is turned into text later,
 * because it runs for each of thousands of messages a second.
 */
export type Rule = (value: unknown, texts: boolean) => string | undefined;

export const flag: Rule = (value) => (typeof value === 'boolean' ? String(value) : undefined);

/** Positions are bigint; a number in JSON would lose digits. */
export const count: Rule = (value) => {
  if (typeof value === 'bigint') return `"${value}"`;
  if (typeof value !== 'number') return undefined;
  return Number.isFinite(value) ? String(value) : `"${value}"`;
};

/**
 * A word of the program. The pattern refuses a sentence, should one ever be in its place, and any character that JSON
 * would have to escape.
 */
const word =
  (pattern: RegExp): Rule =>
  (value) =>
    typeof value === 'string' && value.length <= 200 && pattern.test(value) ? `"${value}"` : undefined;

export const kind = word(/^[a-z][a-z-]*$/);
export const code = word(/^[A-Z0-9][A-Z0-9_]*$/);
export const typeName = word(/^[A-Za-z]\w*$/);
/** `projection.band`, `xstate.done.actor.0.projection.live.working`, `RESET`, the name of an event in the store. */
export const dotted = word(/^[\w$][\w$.:*-]*$/);

/** Up to 2000 characters of a text that may come from a payload, if texts may leave. */
export const text: Rule = (value, texts) =>
  texts && typeof value === 'string' ? JSON.stringify(value.slice(0, 2000)) : undefined;

/** These fields of an object; a value that is no object is not written. */
export function fields(rules: Readonly<Record<string, Rule>>): Rule {
  const named = Object.entries(rules).map(([name, rule]) => [name, `"${name}":`, rule] as const);
  return (value, texts) => {
    if (typeof value !== 'object' || value === null) return undefined;
    let written = '';
    for (const [name, label, rule] of named) {
      const part = read(value, name);
      const kept = part === null ? 'null' : part === undefined ? undefined : rule(part, texts);
      if (kept !== undefined) written += `${written === '' ? '' : ','}${label}${kept}`;
    }
    return `{${written}}`;
  };
}

/** Every field of an object whose name is a word and whose value may leave. */
export function entries(rule: (value: unknown, texts: boolean, name: string) => string | undefined): Rule {
  return (value, texts) => {
    if (typeof value !== 'object' || value === null) return undefined;
    let written = '';
    for (const name of Object.keys(value)) {
      // JSON.parse sets no prototype by it, but a viewer that copies the object may.
      const label = name === '__proto__' ? undefined : dotted(name, texts);
      const kept = label === undefined ? undefined : rule(read(value, name), texts, label);
      if (kept !== undefined) written += `${written === '' ? '' : ','}${label}:${kept}`;
    }
    return `{${written}}`;
  };
}

/** Undefined also for a value without properties, and if a getter throws. */
export function read(from: unknown, name: string): unknown {
  try {
    return Reflect.get(from as object, name);
  } catch {
    return undefined;
  }
}
