import { WebSocket } from 'ws';

/** Reads and parses every message at this address, as a viewer does. It sends `open`, and ends when its parent ends. */
const client = new WebSocket(process.argv[2] ?? '');
client.on('open', () => process.send?.('open'));
client.on('message', (data) => {
  JSON.parse(String(data));
});
client.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
process.on('disconnect', () => process.exit(0));
