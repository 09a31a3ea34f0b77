const made = new WeakMap<object, string>();

/** Fields of a chart in which code could hold data. Drawing the chart needs none of them. */
const LEFT_OUT = new Set(['context', 'input', 'output', 'params', 'meta']);

/**
 * A machine's config as JSON text that `createMachine(JSON.parse(…))` accepts, with functions as `{ "type": NAME }`. Any
 * other actor is `{ "id": … }`.
 * @returns that text as a JSON string, the form in which a message holds it. Computed once for each config: a thousand
 *   actors share one, and each new subscriber is sent all of them
 */
export function definitionOf(logic: unknown, id: string): string {
  const config = typeof logic === 'object' && logic !== null ? Reflect.get(logic, 'config') : undefined;
  if (typeof config !== 'object' || config === null || !('states' in config))
    return JSON.stringify(JSON.stringify({ id }));
  let text = made.get(config);
  if (text === undefined) {
    text = JSON.stringify(
      JSON.stringify(config, (key, value: unknown) => {
        if (LEFT_OUT.has(key)) return undefined;
        if (typeof value === 'bigint') return String(value);
        return typeof value === 'function' ? { type: value.name } : value;
      }),
    );
    made.set(config, text);
  }
  return text;
}
