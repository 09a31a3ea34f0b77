import { expect, test } from 'vitest';
import type { CommandRecord, CommandRequest } from '../../src/core/command.ts';
import { checkRequest, checkSame } from '../../src/operations/command-check.ts';

const UUID = '0b9c2c3e-36b4-4e9d-8b5c-3a1d0a8f3c11';
const RESET: CommandRequest = { name: 'band', event: 'RESET', by: 'test' };
const SKIP: CommandRequest = { name: 'band', event: 'SKIP', position: 7n, reason: 'a bad event', by: 'test' };

test.each<[string, CommandRequest]>([
  ['RESET', RESET],
  ['one with a generation and an id', { ...RESET, generation: 0n, id: '0B9C2C3E-36B4-4E9D-8B5C-3A1D0A8F3C11' }],
  ['SKIP', SKIP],
  ['SKIP of the first event of all', { ...SKIP, position: 1n }],
  ['SKIP with a reason of 500 characters, each of two code units', { ...SKIP, reason: '🎻'.repeat(500) }],
])('%s is a command', (_what, request) => {
  expect(() => checkRequest(request, ['band'])).not.toThrow();
});

// Seen red with: each line of faultOf left out.
test.each<[string, string, CommandRequest]>([
  ['COMMAND_INVALID', 'not a UUID', { ...RESET, id: 'again' }],
  ['COMMAND_INVALID', 'not a UUID', { ...RESET, id: `0${UUID}` }],
  ['COMMAND_INVALID', 'not a UUID', { ...RESET, id: `${UUID}0` }],
  ['COMMAND_INVALID', 'generation is below 0', { ...RESET, generation: -1n }],
  ['COMMAND_INVALID', 'RESET has no position', { ...RESET, position: 7n }],
  ['COMMAND_INVALID', 'RESET has no reason', { ...RESET, reason: 'why not' }],
  ['COMMAND_INVALID', 'the position of the event', { name: 'band', event: 'SKIP', reason: 'why not', by: 'test' }],
  ['COMMAND_INVALID', 'the position of the event', { ...SKIP, position: 0n }],
  ['COMMAND_INVALID', 'it needs a reason', { name: 'band', event: 'SKIP', position: 7n, by: 'test' }],
  ['COMMAND_INVALID', 'it needs a reason', { ...SKIP, reason: ' ' }],
  ['COMMAND_INVALID', 'more than 500 characters', { ...SKIP, reason: 'x'.repeat(501) }],
  ['COMMAND_INVALID', 'NUL', { ...SKIP, reason: 'a\0b' }],
  ['PROJECTION_UNKNOWN', 'known are band, event', { ...RESET, name: 'bnad' }],
  ['PUBLISHER_TAKES_NO_COMMANDS', 'RESET is for projections', { ...RESET, name: '$publisher' }],
])('%s: %s', (code, message, request) => {
  expect(() => checkRequest(request, ['band', 'event'])).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});

const STORED: CommandRecord = {
  id: UUID,
  name: 'band',
  event: 'SKIP',
  position: '7',
  reason: 'a bad event',
  generation: '3',
  requestedBy: 'test',
  acceptedBy: 'here:1',
  requestedAt: '2026-03-01T19:00:00Z',
  state: 'pending',
  carriedOutBy: null,
  endedAt: null,
  code: null,
  message: null,
  warning: null,
};

test('a repeat of a command is that command', () => {
  expect(() => checkSame({ ...SKIP, generation: 3n }, STORED)).not.toThrow();
  const reset = { ...STORED, event: 'RESET', position: null, reason: null, generation: null } as const;
  expect(() => checkSame(RESET, reset)).not.toThrow();
});

// Seen red with: each of the comparisons left out.
test.each<[string, Partial<CommandRecord>]>([
  ['projection', { name: 'event' }],
  ['event', { event: 'RETRY' }],
  ['position', { position: '8' }],
  ['position', { position: null }],
  ['reason', { reason: 'another' }],
  ['generation', { generation: '4' }],
  ['generation', { generation: null }],
])('an id that is another command’s, with another %s, is refused', (_what, other) => {
  const stored = { ...STORED, ...other };
  expect(() => checkSame({ ...SKIP, generation: 3n }, stored)).toThrow(
    expect.objectContaining({
      code: 'COMMAND_INVALID',
      fields: { event: 'SKIP', name: 'band', reason: `its id belongs to another command, ${stored.event}` },
    }),
  );
});
