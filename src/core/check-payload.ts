import { EngineError } from './errors.ts';
import type { SchemaIssue, StandardSchema } from './standard-schema.ts';

const ISSUES_SHOWN = 5;

/**
 * Checks an event's payload, and gives what the schema makes of it. The answer must come at once: a check that waits for
 * something else could not be replayed, and would hold up every event behind it.
 * @throws EngineError PAYLOAD_INVALID with each place that is wrong; PAYLOAD_UNCHECKED when the schema is at fault
 */
export function checkPayload(event: string, schema: StandardSchema, payload: unknown): unknown {
  const result = ask(event, schema, payload);
  if (result instanceof Promise) {
    result.catch(() => undefined); // Nobody waits for it.
    // zod answers so as well when one of its checks throws: it tries again, waiting for each.
    const reason = 'it answers with a promise, or a check in it throws; it has to answer at once';
    throw new EngineError('PAYLOAD_UNCHECKED', { event, reason });
  }
  if (typeof result === 'object' && result !== null) {
    if ('issues' in result && result.issues !== undefined && result.issues !== null)
      throw new EngineError('PAYLOAD_INVALID', { event, issues: describeIssues(result.issues) });
    if ('value' in result) return result.value;
  }
  throw new EngineError('PAYLOAD_UNCHECKED', { event, reason: 'it answers with neither a value nor issues' });
}

function ask(event: string, schema: StandardSchema, payload: unknown): unknown {
  try {
    return schema['~standard'].validate(payload);
  } catch (error) {
    const reason = `it threw ${error instanceof Error ? error.message : `a ${typeof error}`}`;
    throw new EngineError('PAYLOAD_UNCHECKED', { event, reason }, { cause: error });
  }
}

function describeIssues(issues: unknown): string {
  if (!Array.isArray(issues) || issues.length === 0) return 'it does not say why';
  const shown = issues.slice(0, ISSUES_SHOWN).map((issue: SchemaIssue) => `${placeOf(issue)}: ${messageOf(issue)}`);
  const left = issues.length - shown.length;
  return `${shown.join('; ')}${left > 0 ? `; and ${left} more` : ''}`;
}

function messageOf(issue: SchemaIssue): string {
  return String(issue.message).slice(0, 200);
}

/** `payload.halls[2].name` */
function placeOf({ path = [] }: SchemaIssue): string {
  const keys = path.map((part) => (typeof part === 'object' ? part.key : part));
  return keys.map(String).reduce((place, key) => place + (/^\d+$/.test(key) ? `[${key}]` : `.${key}`), 'payload');
}
