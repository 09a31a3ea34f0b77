const made = new WeakMap<object, string>();

/** Where a chart's code could hold data: nothing of it is needed to draw the chart. */
const LEFT_OUT = new Set(['context', 'input', 'output', 'params', 'meta']);

/**
 * A machine's config as JSON text, functions as `{ "type": NAME }`: `createMachine(JSON.parse(…))` takes it. Anything else
 * that acts is `{ "id": … }`.
 * @returns that text as a JSON string, which is how a message holds it. Made once for each config: a thousand actors
 *   share one, and each newcomer is told of all
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
