/**
 * What may leave the process, as a list of what is named: a field that nobody has put here stays inside, whatever it
 * holds. By default no text leaves that could have been made of an event's payload, an error's message included; numbers,
 * flags and words of the program's own do.
 */
type Rule = (value: unknown, texts: boolean) => unknown;

const flag: Rule = (value) => (typeof value === 'boolean' ? value : undefined);

/** Positions are bigint; JSON has no number that would keep one whole. */
const count: Rule = (value) => {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'number') return undefined;
  return Number.isFinite(value) ? value : String(value);
};

/** A word that the program chose. The pattern keeps a sentence out, should one ever stand in its place. */
const word =
  (pattern: RegExp): Rule =>
  (value) =>
    typeof value === 'string' && value.length <= 200 && pattern.test(value) ? value : undefined;

const kind = word(/^[a-z][a-z-]*$/);
const code = word(/^[A-Z0-9][A-Z0-9_]*$/);
const typeName = word(/^[A-Za-z]\w*$/);
/** `projection.band`, `xstate.done.actor.0.projection.live.working`, `RESET`, the name of an event in the store. */
const dotted = word(/^[\w$][\w$.:*-]*$/);

/** Of a field that is set under its name. */
const isDotted = (name: string): boolean => name !== '__proto__' && dotted(name, false) !== undefined;

const text: Rule = (value, texts) => (texts && typeof value === 'string' ? value.slice(0, 2000) : undefined);

const fields = (rules: Readonly<Record<string, Rule>>): Rule => {
  const named = Object.entries(rules);
  return (value, texts) => {
    if (typeof value !== 'object' || value === null) return undefined;
    const shown: Record<string, unknown> = {};
    for (const [name, rule] of named) {
      const part = read(value, name);
      if (part === undefined) continue;
      const kept = part === null ? null : rule(part, texts);
      if (kept !== undefined) shown[name] = kept;
    }
    return shown;
  };
};

const ofError = fields({ name: typeName, code, message: text });
/** `JSON.stringify` makes `{}` of an error; and not everything that is thrown is one. */
const error: Rule = (value, texts) =>
  value instanceof Error
    ? ofError(value, texts)
    : { name: typeof value, ...(texts ? { message: text(value, texts) } : {}) };

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

const event = fields({
  type: dotted,
  actorId: dotted,
  name: dotted,
  position: count,
  reason: text,
  output,
  error,
});

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
  patienceMs: count,
  drainMs: count,
  detail: text,
  blocked: text,
});

/** State names, as deep as the chart is: a string, or an object of them. */
const stateValue: Rule = (value, texts) => {
  if (typeof value !== 'object' || value === null) return dotted(value, texts);
  const shown: Record<string, unknown> = {};
  for (const [state, inner] of Object.entries(value)) if (isDotted(state)) shown[state] = stateValue(inner, texts);
  return shown;
};

/** @public what a message says of an event */
export type ShownEvent = { readonly type: string } & Readonly<Record<string, unknown>>;

export function shownEvent(given: unknown, texts: boolean): ShownEvent {
  const shown = event(given, texts) as Readonly<Record<string, unknown>> | undefined;
  return typeof shown?.['type'] === 'string' ? (shown as ShownEvent) : { ...shown, type: 'unnamed' };
}

/** As `@statelyai/inspect` has it: `value` and `context` of a machine, `output` or `error` where it has ended. */
export function shownSnapshot(given: unknown, texts: boolean): Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null) return { status: 'active' };
  const has = (name: string): unknown => read(given, name) ?? undefined;
  const value = has('value');
  const ended = has('output');
  const failure = has('error');
  // One by one and not by spreading parts: it is made for each of thousands of messages a second.
  const shown: Record<string, unknown> = { status: kind(has('status'), texts) ?? 'active' };
  if (value !== undefined) {
    shown['value'] = stateValue(value, texts);
    shown['context'] = context(has('context'), texts) ?? {};
    shown['children'] = childrenOf(has('children'));
    shown['tags'] = [];
    shown['historyValue'] = {};
  }
  if (ended !== undefined) shown['output'] = output(ended, texts) ?? {};
  if (failure !== undefined) shown['error'] = error(failure, texts);
  return shown;
}

function childrenOf(children: unknown): Readonly<Record<string, { readonly id: string }>> {
  if (typeof children !== 'object' || children === null) return {};
  const shown: Record<string, { readonly id: string }> = {};
  for (const id of Object.keys(children)) if (isDotted(id)) shown[id] = { id };
  return shown;
}

/** A getter may throw. */
function read(from: object, name: string): unknown {
  try {
    return Reflect.get(from, name);
  } catch {
    return undefined;
  }
}
