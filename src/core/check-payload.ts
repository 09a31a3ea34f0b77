import { EngineError } from './errors.ts';
import type { SchemaIssue, StandardSchema } from './standard-schema.ts';

const ISSUES_SHOWN = 5;

/**
 * Checks an event's payload.
 *
 * The schema must answer synchronously: a check that waits for another system could not be replayed, and would delay every
 * later event.
 * @returns the value that the schema makes of the payload
 * @throws EngineError PAYLOAD_INVALID with each path that is wrong; PAYLOAD_UNCHECKED when the schema itself fails
 */
export function checkPayload(event: string, schema: StandardSchema, payload: unknown): unknown {
  const result = validate(event, schema, payload);
  if (result instanceof Promise) {
    result.catch(() => undefined); // Else a later rejection would be an unhandled one.
    // zod returns a promise also when one of its checks throws: it then repeats the checks asynchronously.
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

function validate(event: string, schema: StandardSchema, payload: unknown): unknown {
  try {
    return schema['~standard'].validate(payload);
  } catch (error) {
    const reason = `it threw ${error instanceof Error ? error.message : `a ${typeof error}`}`;
    throw new EngineError('PAYLOAD_UNCHECKED', { event, reason }, { cause: error });
  }
}

function describeIssues(issues: unknown): string {
  if (!Array.isArray(issues) || issues.length === 0) return 'it does not say why';
  const shown = issues.slice(0, ISSUES_SHOWN).map((issue: SchemaIssue) => `${pathOf(issue)}: ${messageOf(issue)}`);
  const left = issues.length - shown.length;
  return `${shown.join('; ')}${left > 0 ? `; and ${left} more` : ''}`;
}

function messageOf(issue: SchemaIssue): string {
  return String(issue.message).slice(0, 200);
}

/** `payload.halls[2].name` */
function pathOf({ path = [] }: SchemaIssue): string {
  const keys = path.map((segment) => (typeof segment === 'object' ? segment.key : segment));
  return keys.map(String).reduce((text, key) => text + (/^\d+$/.test(key) ? `[${key}]` : `.${key}`), 'payload');
}
