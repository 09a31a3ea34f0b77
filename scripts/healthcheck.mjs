// For a container's HEALTHCHECK: exits 0 while the daemon in this container says that it is well. Beyond loopback it wants
// the token for that too.
const { PORT = '4400', PROJECTIONIST_TOKEN = '' } = process.env;
const answer = await fetch(`http://127.0.0.1:${PORT}/healthz`, {
  headers: { Authorization: `Bearer ${PROJECTIONIST_TOKEN}` },
  signal: AbortSignal.timeout(3_000),
}).catch((error) => ({ ok: false, status: `no answer (${error.cause?.code ?? error.name})` }));
if (!answer.ok) console.error(`healthz: ${answer.status}`);
process.exitCode = answer.ok ? 0 : 1;
