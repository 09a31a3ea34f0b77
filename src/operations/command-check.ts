import type { CommandRecord, CommandRequest } from '../core/command.ts';
import { EngineError } from '../core/errors.ts';
import { type OperatorEvent, operatorCommand } from '../core/operator-commands/command-registry.ts';
import { PUBLISHER_NAME } from '../core/publisher.ts';
import { isUuid } from '../core/uuid.ts';

const REASON_LENGTH = 500;

/** @throws EngineError PUBLISHER_TAKES_NO_COMMANDS, PROJECTION_UNKNOWN, COMMAND_INVALID */
export function checkRequest(request: CommandRequest, names: readonly string[]): void {
  const { name, event } = request;
  if (name === PUBLISHER_NAME) throw new EngineError('PUBLISHER_TAKES_NO_COMMANDS', { event });
  if (!names.includes(name)) throw new EngineError('PROJECTION_UNKNOWN', { name, known: names.join(', ') });
  const reason = invalidReason(request);
  if (reason !== null) throw new EngineError('COMMAND_INVALID', { event, name, reason });
}

function invalidReason({ event, position, reason, generation, id }: CommandRequest): string | null {
  if (id !== undefined && !isUuid(id)) return 'its id is not a UUID';
  if (generation !== undefined && generation < 0n) return 'its generation is below 0';
  const { fields = [] } = operatorCommand(event);
  return (
    invalidPosition(position, event, fields.includes('position')) ??
    invalidOperatorReason(reason, event, fields.includes('reason'))
  );
}

function invalidPosition(position: bigint | undefined, event: OperatorEvent, needed: boolean): string | null {
  if (!needed) return position === undefined ? null : `${event} has no position`;
  return position === undefined || position <= 0n ? 'it needs the position of the event that failed' : null;
}

function invalidOperatorReason(reason: string | undefined, event: OperatorEvent, needed: boolean): string | null {
  if (!needed) return reason === undefined ? null : `${event} has no reason`;
  if (reason === undefined || reason.trim() === '') return 'it needs a reason, for the record';
  // PostgreSQL counts characters, not code units, and cannot store a NUL.
  if ([...reason].length > REASON_LENGTH) return `its reason has more than ${REASON_LENGTH} characters`;
  return reason.includes('\0') ? 'its reason contains a NUL' : null;
}

/** @throws EngineError COMMAND_INVALID when another command is stored under the id of this one */
export function checkSame({ name, event, position, reason, generation }: CommandRequest, stored: CommandRecord): void {
  const same =
    stored.name === name &&
    stored.event === event &&
    stored.position === (position?.toString() ?? null) &&
    stored.reason === (reason ?? null) &&
    stored.generation === (generation?.toString() ?? null);
  if (same) return;
  throw new EngineError('COMMAND_INVALID', {
    event,
    name,
    reason: `its id belongs to another command, ${stored.event}`,
  });
}
