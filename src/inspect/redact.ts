/**
 * What may leave the process, as an allow-list: a field that is not named here stays inside, whatever it holds. By default
 * no text leaves that could come from an event's payload, an error's message included; numbers, flags and words of the
 * program do.
 */
import {
  code,
  count,
  dotted,
  entries,
  fields,
  flag,
  kind,
  type Rule,
  read,
  text,
  typeName,
} from './redaction-rules.ts';

const ofError = fields({ name: typeName, code, message: text });
/** `JSON.stringify` turns an Error into `{}`, and a thrown value need not be an Error. */
const error: Rule = (value, texts) =>
  value instanceof Error ? ofError(value, texts) : ofError({ name: typeof value, message: value }, texts);

const failedEvent = fields({ position: count, eventName: dotted, sqlstate: code, code, error: text });

/** The result of an operation: `RunOutcome`, `RelayOutcome`, the row that was opened. */
const output = fields({
  kind,
  status: kind,
  halted: flag,
  progressed: flag,
  detail: text,
  warning: text,
  event: failedEvent,
});

const event = fields({ actorId: dotted, name: dotted, position: count, reason: text, output, error });

const context = fields({
  name: dotted,
  wanted: fields({ stop: flag, reset: flag, pause: flag, skip: flag }),
  stopWanted: flag,
  woken: flag,
  starting: flag,
  connected: flag,
  backoffs: count,
  backoff: fields({ baseMs: count, capMs: count }),
  retryFailedAfterMs: count,
  retryHaltedAfterMs: count,
  connectWithinMs: count,
  drainMs: count,
  detail: text,
  blocked: text,
});

/** State names, at any depth of the chart: a string, or an object of state names. */
const stateValue: Rule = (value, texts) => dotted(value, texts) ?? parts(value, texts);
const parts = entries((inner, texts) => stateValue(inner, texts));
const children = entries((_, __, name) => `{"id":${name}}`);

/** @returns JSON text of the parts of an event that may leave; an event without a type that may leave is `unnamed` */
export function redactEvent(given: unknown, texts: boolean): string {
  const type = dotted(read(given, 'type'), texts) ?? '"unnamed"';
  const rest = event(given, texts) ?? '{}';
  return `{"type":${type}${rest === '{}' ? '}' : `,${rest.slice(1)}`}`;
}

/**
 * In the form of `@statelyai/inspect`: `value` and `context` of a machine, `output` or `error` of an actor that has ended.
 * @returns JSON text
 */
export function redactSnapshot(given: unknown, texts: boolean): string {
  const has = (name: string): unknown => read(given, name) ?? undefined;
  const value = has('value');
  const ended = has('output');
  const failure = has('error');
  let written = `{"status":${kind(has('status'), texts) ?? '"active"'}`;
  if (value !== undefined) {
    const state = stateValue(value, texts);
    if (state !== undefined) written += `,"value":${state}`;
    written += `,"context":${context(has('context'), texts) ?? '{}'},"children":${children(has('children'), texts) ?? '{}'}`;
    written += ',"tags":[],"historyValue":{}';
  }
  if (ended !== undefined) written += `,"output":${output(ended, texts) ?? '{}'}`;
  if (failure !== undefined) written += `,"error":${error(failure, texts)}`;
  return `${written}}`;
}
