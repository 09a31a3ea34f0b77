// After tsc: the reference statements go where the compiled bench looks for them.
import { cpSync } from 'node:fs';

cpSync('bench/sql', 'dist/bench/sql', { recursive: true });
