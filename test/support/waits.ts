import { vi } from 'vitest';

/**
 * A wait ends when its condition holds; its bound is for a condition that never holds. The default bound of Vitest is one
 * second, which is too short on a busy machine. Loaded before each test file: see vitest.config.ts.
 */
const BOUND_MS = 60_000;

type WaitOptions = number | { readonly timeout?: number; readonly interval?: number };

const bounded = (options: WaitOptions = {}) =>
  typeof options === 'number' ? options : { timeout: BOUND_MS, ...options };

const { waitFor, waitUntil } = vi;
vi.waitFor = (callback, options) => waitFor(callback, bounded(options));
vi.waitUntil = (callback, options) => waitUntil(callback, bounded(options));
