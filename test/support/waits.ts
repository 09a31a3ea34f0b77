import { vi } from 'vitest';

/**
 * A wait ends with its condition; its bound is for a condition that never comes. Vitest's own bound is one second, which
 * a machine that does other work beside does not keep. Loaded before each test file: see vitest.config.ts.
 */
const BOUND_MS = 60_000;

type WaitOptions = number | { readonly timeout?: number; readonly interval?: number };

const bounded = (options: WaitOptions = {}) =>
  typeof options === 'number' ? options : { timeout: BOUND_MS, ...options };

const { waitFor, waitUntil } = vi;
vi.waitFor = (callback, options) => waitFor(callback, bounded(options));
vi.waitUntil = (callback, options) => waitUntil(callback, bounded(options));
