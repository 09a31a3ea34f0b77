const TEXT = 0x81;

/**
 * Messages as text frames of a WebSocket (RFC 6455), one after another in one buffer. Sent one by one, each frame would be
 * two writes to the socket, which cost more than building the message.
 */
export function textFrames(messages: readonly string[]): Buffer {
  const sizes = messages.map((message) => Buffer.byteLength(message));
  const piece = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + headerOf(size) + size, 0));
  let at = 0;
  for (const [index, message] of messages.entries()) {
    const size = sizes[index] ?? 0;
    at = writeHeader(piece, at, size);
    at += piece.write(message, at, size, 'utf8');
  }
  return piece;
}

function headerOf(size: number): number {
  return size < 126 ? 2 : size < 0x1_0000 ? 4 : 10;
}

/** The frames of a server are not masked. @returns the offset at which the message begins */
function writeHeader(piece: Buffer, at: number, size: number): number {
  piece[at] = TEXT;
  if (size < 126) {
    piece[at + 1] = size;
  } else if (size < 0x1_0000) {
    piece[at + 1] = 126;
    piece.writeUInt16BE(size, at + 2);
  } else {
    piece[at + 1] = 127;
    piece.writeBigUInt64BE(BigInt(size), at + 2);
  }
  return at + headerOf(size);
}
