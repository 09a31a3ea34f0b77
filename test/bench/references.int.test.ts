import { expect, test } from 'vitest';
import { startCaughtUp } from '../../bench/catch-up.ts';
import { assertEqualRows } from '../../bench/equal-rows.ts';
import { bandHistory, load } from '../../bench/history.ts';
import { BAND_SQL, DANCEFINDER_SQL, readFirst, timeLoop, timeSql } from '../../bench/references.ts';
import { openStore } from '../../bench/store.ts';
import { generateHistory } from '../../examples/dancefinder/history.ts';
import { band } from '../../examples/dancefinder/projections/band.ts';
import { projections } from '../../examples/dancefinder/projections.ts';
import { createTestDatabase } from '../support/database.ts';

const EVENTS = 2000;

// Seen red with: `WHERE position = last_of_id` removed from band.sql.
test('the statement that band is timed against leaves the rows of the projection', async () => {
  await using database = await createTestDatabase();
  await using store = await openStore({ url: database.url }, [band]);
  await load(store.sql, bandHistory({ seed: 3, events: EVENTS }));
  await using _daemon = await startCaughtUp(store.address, [band]);

  await timeSql(store.reference, BAND_SQL);
  const rows = await assertEqualRows(store.sql, [band]);
  expect(rows).toBeGreaterThan(EVENTS / 2);
  expect(rows).toBeLessThan(EVENTS);
});

// Seen red with: `AND name <> ${name}` of the loop turned into `=`.
test('the loops that band is timed against leave the rows of the projection', async () => {
  await using database = await createTestDatabase();
  await using store = await openStore({ url: database.url }, [band]);
  await load(store.sql, bandHistory({ seed: 3, events: 400 }));
  await using _daemon = await startCaughtUp(store.address, [band]);
  const events = await readFirst(store.sql, 400);
  for (const perTransaction of [1, 150]) {
    await timeLoop(store.reference, events, perTransaction);
    expect(await assertEqualRows(store.sql, [band])).toBeGreaterThan(200);
  }
});

// Seen red without: `u.position > s.position` in event.sql, `r.subject = a.subject` and `position > taken_back` in
// userpreferences.sql, one at a time.
test('the four files of SQL that DanceFinder is timed against leave the rows of the projections', async () => {
  await using database = await createTestDatabase();
  await using store = await openStore({ url: database.url }, projections);
  await load(store.sql, generateHistory({ seed: 3, events: EVENTS }));
  await using _daemon = await startCaughtUp(store.address, projections);
  await timeSql(store.reference, DANCEFINDER_SQL);
  expect(await assertEqualRows(store.sql, projections)).toBeGreaterThan(EVENTS / 4);
});

// Seen red with: `row.missing + row.extra > 0` made false.
test('rows that differ in one value stop the bench, and so do tables without rows', async () => {
  await using database = await createTestDatabase();
  await using store = await openStore({ url: database.url }, [band]);
  await expect(assertEqualRows(store.sql, [band])).rejects.toThrow(/'band' is empty/);
  await load(store.sql, bandHistory({ seed: 3, events: 100 }));
  await using _daemon = await startCaughtUp(store.address, [band]);
  await timeSql(store.reference, BAND_SQL);
  await store.reference`UPDATE band SET created = created + interval '1 microsecond' WHERE id = (SELECT id FROM band LIMIT 1)`;
  await expect(assertEqualRows(store.sql, [band])).rejects.toThrow(/lacks 1 and has 1 others/);
});
