import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Context, Hono } from 'hono';
import type { Env } from './guards.ts';

/** Where the build puts the page, beside the compiled code. The folder does not exist where the sources run. */
export const DASHBOARD = new URL('../dashboard/assets/', import.meta.url);

/** The page runs only its own files, and no string can become markup or code in it. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface StaticFile {
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly zipped: Uint8Array<ArrayBuffer>;
}

/**
 * `GET /` for browsers, and the page's files. The files are read once and found by name, so that no path leads to another
 * file.
 */
export function addDashboard(app: Hono<Env>, folder: URL): void {
  const files = readFiles(folder);
  const page = files.get('index.html');
  if (page === undefined) return;
  app.get('/', async (context, next) => {
    if (!wantsHtml(context)) return next();
    return send(context, page, { 'Content-Security-Policy': PAGE_POLICY, Vary: 'Accept, Accept-Encoding' });
  });
  app.get('/assets/:file', async (context, next) => {
    const name = context.req.param('file');
    const file = name === 'index.html' ? undefined : files.get(name);
    if (file === undefined) return next();
    // The name of a file holds a hash of its content.
    return send(context, file, { 'Cache-Control': 'public, max-age=31536000, immutable', Vary: 'Accept-Encoding' });
  });
}

function send(context: Context<Env>, file: StaticFile, headers: Readonly<Record<string, string>>): Response {
  const zip = /\bgzip\b/.test(context.req.header('accept-encoding') ?? '');
  return new Response(zip ? file.zipped : file.body, {
    headers: { ...headers, 'Content-Type': file.type, ...(zip ? { 'Content-Encoding': 'gzip' } : {}) },
  });
}

/** A program that accepts any type, or JSON, gets JSON. */
function wantsHtml(context: Context<Env>): boolean {
  return /\btext\/html\b/.test(context.req.header('accept') ?? '');
}

function readFiles(folder: URL): ReadonlyMap<string, StaticFile> {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder).filter((name) => extname(name) in TYPES);
  return new Map(
    names.map((name) => {
      const body = new Uint8Array(readFileSync(new URL(name, folder)));
      const type = TYPES[extname(name)] ?? 'application/octet-stream';
      return [name, { type, body, zipped: new Uint8Array(gzipSync(body)) }];
    }),
  );
}
