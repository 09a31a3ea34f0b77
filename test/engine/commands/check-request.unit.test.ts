import { expect, test } from 'vitest';
import type { CommandRequest } from '../../../src/core/command.ts';
import { checkRequest } from '../../../src/engine/commands/check-request.ts';

const RESET: CommandRequest = { name: 'band', event: 'RESET', by: 'test' };
const SKIP: CommandRequest = { name: 'band', event: 'SKIP', position: 7n, reason: 'a bad event', by: 'test' };

test.each<[string, CommandRequest]>([
  ['RESET', RESET],
  ['one with a generation and an id', { ...RESET, generation: 0n, id: '0B9C2C3E-36B4-4E9D-8B5C-3A1D0A8F3C11' }],
  ['SKIP', SKIP],
  ['SKIP with a reason of 500 characters, each of two code units', { ...SKIP, reason: '🎻'.repeat(500) }],
])('%s is a command', (_what, request) => {
  expect(() => checkRequest(request, ['band'])).not.toThrow();
});

// Seen red with: each line of faultOf left out.
test.each<[string, string, CommandRequest]>([
  ['COMMAND_INVALID', 'not a UUID', { ...RESET, id: 'again' }],
  ['COMMAND_INVALID', 'generation is below 0', { ...RESET, generation: -1n }],
  ['COMMAND_INVALID', 'only SKIP has position and reason', { ...RESET, position: 7n }],
  ['COMMAND_INVALID', 'only SKIP has position and reason', { ...RESET, reason: 'why not' }],
  ['COMMAND_INVALID', 'the position of the event', { name: 'band', event: 'SKIP', reason: 'why not', by: 'test' }],
  ['COMMAND_INVALID', 'the position of the event', { ...SKIP, position: 0n }],
  ['COMMAND_INVALID', 'it needs a reason', { name: 'band', event: 'SKIP', position: 7n, by: 'test' }],
  ['COMMAND_INVALID', 'it needs a reason', { ...SKIP, reason: ' ' }],
  ['COMMAND_INVALID', 'more than 500 characters', { ...SKIP, reason: 'x'.repeat(501) }],
  ['COMMAND_INVALID', 'NUL', { ...SKIP, reason: 'a\0b' }],
  ['PROJECTION_UNKNOWN', 'known are band', { ...RESET, name: 'bnad' }],
  ['PUBLISHER_TAKES_NO_COMMANDS', 'docs/publisher.md', { ...RESET, name: '$publisher' }],
])('%s: %s', (code, message, request) => {
  expect(() => checkRequest(request, ['band'])).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});
