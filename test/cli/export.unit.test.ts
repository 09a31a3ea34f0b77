import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, it, onTestFinished, vi } from 'vitest';
import { exportTo, exportToFile } from '../../src/cli/export-events.ts';
import type { EventText } from '../../src/event-store/raw-events.ts';

function eventText(position: bigint): EventText {
  return {
    position,
    id: '00000000-0000-4000-8000-000000000001',
    instanceId: '',
    aggregateName: 'test.Stream',
    aggregateId: 'a',
    sequenceNo: position,
    name: 'Noted',
    occurredAt: '2026-03-01T19:00:00.123456Z',
    payload: `"${'x'.repeat(1000)}"`,
    metadata: '{}',
  };
}

/** Pages of one event each; `read` counts those that were requested. */
function pagesOf(count = 1000) {
  const state = { read: 0, closed: false };
  async function* pages(): AsyncGenerator<readonly EventText[], void> {
    try {
      for (; state.read < count; ) {
        state.read += 1;
        yield [eventText(BigInt(state.read))];
      }
    } finally {
      state.closed = true;
    }
  }
  return { state, pages: pages() };
}

const NEVER = new AbortController().signal;

async function folder(): Promise<string> {
  const cwd = await mkdtemp(join(tmpdir(), 'export-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  return cwd;
}

// Seen red with: a loop of `stream.write` that does not wait for the stream, in place of the pipeline.
it('reads pages no faster than its reader reads the stream', async () => {
  const { state, pages } = pagesOf();
  const stop = new AbortController();
  const waiting: (() => void)[] = [];
  const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void waiting.push(done) });
  const exporting = exportTo(slow, pages, stop.signal);
  for (let taken = 1; taken <= 5; taken++) {
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    await new Promise(setImmediate);
    expect(state.read).toBeLessThanOrEqual(taken + 4);
    waiting.shift()?.();
  }
  stop.abort(new Error('interrupted'));
  await expect(exporting).rejects.toThrow('interrupted');
  await vi.waitFor(() => expect(state.closed).toBe(true));
});

// Seen red with: EPIPE thrown like any other error.
it('ends without an error when its reader closes the pipe, and closes its source', async () => {
  const { state, pages } = pagesOf();
  let taken = 0;
  const head = new Writable({
    write: (_chunk, _encoding, done) => {
      taken += 1;
      done(taken < 3 ? null : Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    },
  });
  expect(await exportTo(head, pages, NEVER)).toBeNull();
  await vi.waitFor(() => expect(state.closed).toBe(true));
});

it('throws any other error of the stream, and of its source', async () => {
  const failing = (code: string) =>
    new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error('in the way'), { code })) });
  await expect(exportTo(failing('EBADF'), pagesOf().pages, NEVER)).rejects.toThrow('in the way');
  for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO']) {
    await expect(exportTo(failing(code), pagesOf().pages, NEVER), code).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringMatching(/^stdout could not be written: .*; what was written is incomplete$/),
    });
  }
  const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
  const broken = (async function* () {
    yield [eventText(1n)];
    throw new Error('the connection is gone');
  })();
  await expect(exportTo(sink, broken, NEVER)).rejects.toThrow('the connection is gone');
});

// Seen red with: `temporary = path` (half an export looked like a whole one).
it('replaces a file by a complete one, or leaves it as it was', async () => {
  const cwd = await folder();
  await writeFile(join(cwd, 'a.ndjson'), 'old');
  const stop = new AbortController();
  const { pages } = pagesOf();
  const interrupted = (async function* () {
    for await (const page of pages) {
      yield page;
      stop.abort(new Error('interrupted'));
    }
  })();
  await expect(exportToFile('a.ndjson', interrupted, { cwd, signal: stop.signal })).rejects.toThrow('interrupted');
  expect(await readdir(cwd)).toEqual(['a.ndjson']);
  expect(await readFile(join(cwd, 'a.ndjson'), 'utf8')).toBe('old');

  expect(await exportToFile('a.ndjson', pagesOf(3).pages, { cwd, signal: NEVER })).toBe(3);
  expect((await readFile(join(cwd, 'a.ndjson'), 'utf8')).split('\n')).toHaveLength(4);
  expect(await readdir(cwd)).toEqual(['a.ndjson']);
});

it('names the reason when a file cannot be written', async () => {
  const cwd = await folder();
  const to = (file: string) => exportToFile(file, pagesOf(1).pages, { cwd, signal: NEVER });
  await expect(to('none/a.ndjson')).rejects.toThrow(
    `cannot use ${join(cwd, 'none/a.ndjson')}: its folder is not there`,
  );
  await expect(to('.')).rejects.toThrow(`cannot use ${cwd}: it is a folder`);
});

it('writes to a device directly', async () => {
  expect(await exportToFile('/dev/null', pagesOf(2).pages, { cwd: '/', signal: NEVER })).toBe(2);
});
