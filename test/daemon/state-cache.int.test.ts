import { expect, test } from 'vitest';
import { band } from '../../examples/dancefinder/projections/band.ts';
import { StateCache } from '../../src/daemon/state-cache.ts';
import { connect } from '../../src/postgres/pool.ts';
import { createTestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';

// Seen red with the catch left out of read(), and with a query to a database that is known to be away.
test('while the database is away status shows the last state that was read, with the reason', async () => {
  await using database = await createTestDatabase();
  const sql = await openStore(database, [band]);
  const unreachable = connect({
    address: { host: '/no/such/folder', port: 5432, user: 'postgres', database: 'postgres' },
    applicationName: 'test',
    max: 1,
  });
  let known: string | null = null;
  const stored = new StateCache(() => known);
  try {
    expect(await stored.read(sql)).toMatchObject({ away: null });
    const lost = await stored.read(unreachable);
    expect(lost.away).toBe('the database does not answer; this is the last state that was read');
    expect(lost.views.get('band')).toMatchObject({ cursor: 0n, generation: 0n });
    await sql`UPDATE projection_state SET generation = 7`;
    known = 'it is started again';
    expect((await stored.read(sql)).away).toBe(known);
    expect((await stored.read(sql)).views.get('band')).toMatchObject({ generation: 0n });
    known = null;
    expect((await stored.read(sql)).views.get('band')).toMatchObject({ generation: 7n });
    await sql`DROP TABLE readviews`;
    expect(await stored.read(sql)).toMatchObject({
      refused: true,
      away: expect.stringContaining('"readviews" does not'),
    });
    // An error of the statement itself is not hidden.
    await sql`CREATE TABLE readviews (name text)`;
    await expect(stored.read(sql)).rejects.toMatchObject({ code: '42703' });
  } finally {
    await Promise.all([sql, unreachable].map((pool) => pool.end({ timeout: 1 })));
  }
});
