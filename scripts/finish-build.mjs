// After tsc: the migrations go where the compiled code looks for them, the dashboard is bundled, and the command
// becomes executable (npx fails with 127 otherwise).
import { chmodSync, cpSync, existsSync, rmSync } from 'node:fs';
import { buildDashboard } from './dashboard/build.mjs';

// A migration that was renamed must not run a second time under its old name.
rmSync('dist/sql', { recursive: true, force: true });
cpSync('sql', 'dist/sql', { recursive: true });
if (existsSync('dist/src/cli/main.js')) chmodSync('dist/src/cli/main.js', 0o755);
await buildDashboard();
