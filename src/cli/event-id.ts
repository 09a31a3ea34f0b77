import { createHash } from 'node:crypto';

/** The namespace of ids made from a stream and a sequence number. Changing it would import every such file twice. */
const NAMESPACE = Buffer.from('5b1d7a0e6c0f5a4c9c8d3f6f2a7b9e41', 'hex');

/** UUIDv5 of the event's place, so that the same line gets the same id whenever it is imported. */
export function eventIdOf(place: {
  readonly instanceId: string;
  readonly aggregateName: string;
  readonly aggregateId: string;
  readonly sequenceNo: bigint;
}): string {
  // JSON, since no separator is safe in texts that may hold it.
  const name = JSON.stringify([place.instanceId, place.aggregateName, place.aggregateId, place.sequenceNo.toString()]);
  const hash = createHash('sha1').update(NAMESPACE).update(name).digest().subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
