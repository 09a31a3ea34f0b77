import { createWebSocketReceiver } from '@statelyai/inspect';

// The package's own receiver in a process of its own: each message it hands out is a line.
createWebSocketReceiver({ server: process.argv[2] }).subscribe((message) => {
  process.stdout.write(`${JSON.stringify(message)}\n`);
});
