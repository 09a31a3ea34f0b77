import { expect, test, vi } from 'vitest';
import { openFaultScene } from '../support/fault-scene.ts';
import { promised } from '../support/promised.ts';
import type { LostReply } from '../support/proxy.ts';

// Seen red with: applyPage that repeats a page whose transaction lost its connection.
test.each([
  ['the connection is reset', 'rst'],
  ['the connection is closed', 'fin'],
  ['there is silence', 'silence'],
] as const)(
  'B3: the reply to a COMMIT is lost and %s: the outcome is read from the row, nothing is repeated',
  async (_, then) => {
    await using scene = await openFaultScene();
    const daemon = await scene.start({ bulkLimit: 5, timeouts: { answerMs: 300 } });
    const lost: LostReply[] = [];
    for (let round = 1; round <= 4; round++) {
      const reply = promised<LostReply>();
      scene.proxy.loseReply('page', round, reply.resolve);
      await scene.append(40);
      lost.push(await reply.promise);
      if (then !== 'silence') scene.proxy.cut(then);
      await scene.expectExact(daemon);
    }
    expect(lost.map(({ tag }) => tag)).toEqual(['COMMIT', 'COMMIT', 'COMMIT', 'COMMIT']);
  },
);

type Moment = 'before' | 'during' | 'after';

// Seen red with: applyPage that repeats a page whose transaction lost its connection (after a COMMIT that went through).
test('B6: sessions ended just before, during and after their COMMIT leave the right rows, whether the COMMIT succeeded or not', async () => {
  await using scene = await openFaultScene();
  const daemon = await scene.start({ bulkLimit: 5 });
  const terminate = async (pid: number): Promise<void> => {
    const [row] = await scene.sql<{ gone: boolean }[]>`SELECT pg_terminate_backend(${pid}, 5000) AS gone`;
    expect(row?.gone).toBe(true);
  };
  const ended: Record<Moment, number> = { before: 0, during: 0, after: 0 };
  for (let round = 0; round < 12; round++) {
    const moment = (['before', 'during', 'after'] as const)[round % 3] ?? 'before';
    const done = promised<void>();
    let session = 0;
    scene.proxy.lay({
      of: 'page',
      nth: 1 + (round % 5),
      before: async ({ pid }) => {
        session = pid;
        if (moment === 'after') return;
        const ending = terminate(pid).then(done.resolve);
        if (moment === 'before') await ending;
      },
      ...(moment === 'after' && { onLostReply: () => void terminate(session).then(done.resolve) }),
    });
    await scene.append(30);
    await done.promise;
    ended[moment] += 1;
    await scene.expectExact(daemon);
  }
  expect(ended).toEqual({ before: 4, during: 4, after: 4 });
});

test('B3: the other projections do not wait for one whose COMMIT has no reply', async () => {
  await using scene = await openFaultScene();
  const daemon = await scene.start({ bulkLimit: 5 });
  const reply = promised<LostReply>();
  scene.proxy.loseReply('page', 1, reply.resolve);
  await scene.append(20);
  const { projection } = await reply.promise;
  await vi.waitFor(
    async () => {
      const behind = await scene.sql<{ name: string }[]>`
        SELECT name FROM projection_state WHERE cursor < (SELECT max(position) FROM events) AND name <> ${projection}`;
      expect(behind).toEqual([]);
    },
    { timeout: 20_000 },
  );
  scene.proxy.cut('rst');
  await scene.expectExact(daemon);
});
