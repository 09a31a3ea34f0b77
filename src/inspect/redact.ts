/**
 * What may leave the process, as a list of what is named: a field that nobody has put here stays inside, whatever it
 * holds. By default no text leaves that could have been made of an event's payload, an error's message included; numbers,
 * flags and words of the program's own do.
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
/** `JSON.stringify` makes `{}` of an error; and not everything that is thrown is one. */
const error: Rule = (value, texts) =>
  value instanceof Error ? ofError(value, texts) : ofError({ name: typeof value, message: value }, texts);

const failedEvent = fields({ position: count, eventName: dotted, sqlstate: code, code, error: text });

/** What an operation answers: `PullOutcome`, `RelayOutcome`, the row that was opened. */
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

/** State names, as deep as the chart is: a string, or an object of them. */
const stateValue: Rule = (value, texts) => dotted(value, texts) ?? parts(value, texts);
const parts = entries((inner, texts) => stateValue(inner, texts));
const children = entries((_, __, name) => `{"id":${name}}`);

/** @returns JSON text of what may leave of an event; one without a type that may is `unnamed` */
export function redactEvent(given: unknown, texts: boolean): string {
  const type = dotted(read(given, 'type'), texts) ?? '"unnamed"';
  const rest = event(given, texts) ?? '{}';
  return `{"type":${type}${rest === '{}' ? '}' : `,${rest.slice(1)}`}`;
}

/**
 * As `@statelyai/inspect` has it: `value` and `context` of a machine, `output` or `error` where it has ended.
 * @returns JSON text
 */
export function redactSnapshot(given: unknown, texts: boolean): string {
  const has = (name: string): unknown => read(given, name) ?? undefined;
  const value = has('value');
  const ended = has('output');
  const failure = has('error');
  let shown = `{"status":${kind(has('status'), texts) ?? '"active"'}`;
  if (value !== undefined) {
    const state = stateValue(value, texts);
    if (state !== undefined) shown += `,"value":${state}`;
    shown += `,"context":${context(has('context'), texts) ?? '{}'},"children":${children(has('children'), texts) ?? '{}'}`;
    shown += ',"tags":[],"historyValue":{}';
  }
  if (ended !== undefined) shown += `,"output":${output(ended, texts) ?? '{}'}`;
  if (failure !== undefined) shown += `,"error":${error(failure, texts)}`;
  return `${shown}}`;
}
