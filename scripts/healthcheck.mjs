// For the HEALTHCHECK of a container: exits with 0 while the daemon in this container answers that it is healthy.
const { PORT = '4400' } = process.env;
const answer = await fetch(`http://127.0.0.1:${PORT}/healthz`, {
  signal: AbortSignal.timeout(3_000),
}).catch((error) => ({ ok: false, status: `no answer (${error.cause?.code ?? error.name})` }));
if (!answer.ok) console.error(`healthz: ${answer.status}`);
process.exitCode = answer.ok ? 0 : 1;
