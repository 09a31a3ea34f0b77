import {
  create,
  defineProjection,
  type Handler,
  type Projection,
  type StoredEvent,
  type Transaction,
  update,
  upsert,
} from '../../src/index.ts';

interface Listed {
  readonly name: 'ItemListed';
  readonly payload: { readonly price: number; readonly tags: readonly string[] };
}
interface Counted {
  readonly name: 'StockCounted';
  readonly payload: { readonly counts: Readonly<Record<string, number>> };
}
interface Named {
  readonly name: 'ShopNamed';
  readonly payload: Readonly<Record<string, never>>;
}

export type CountHandler = Handler<StoredEvent<'StockCounted', Counted['payload']>>;
export type { Transaction };

/** Tables with a column of each type that is difficult to show, and with each kind of constraint. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS stock (
    item text PRIMARY KEY, count integer CHECK (count >= 0), price numeric(10,2), tags text[], details jsonb, seen timestamptz,
    doubled integer GENERATED ALWAYS AS (count * 2) STORED, number bigint GENERATED ALWAYS AS IDENTITY);
  CREATE TABLE IF NOT EXISTS stock_place (
    item text NOT NULL, place int NOT NULL, shop text REFERENCES shop, UNIQUE (place) DEFERRABLE INITIALLY DEFERRED, PRIMARY KEY (item, place));`;

/** A projection with a table that others look up. */
export const shop: Projection = defineProjection<Named>()({
  name: 'shop',
  schema: 'CREATE TABLE IF NOT EXISTS shop (id text PRIMARY KEY, opened timestamptz)',
  tables: { shop: { key: ['id'] } },
  on: {
    ShopNamed: (event) => upsert('shop', { id: event.aggregateId, opened: event.occurredAt }, { conflict: ['id'] }),
  },
});

/** The stock of a shop, with this handler for counts. */
export function stockWith(count: CountHandler): Projection {
  return defineProjection<Listed | Counted>()({
    name: 'stock',
    schema: SCHEMA,
    tables: { stock: { key: ['item'] }, stock_place: { key: ['item', 'place'] } },
    on: {
      ItemListed: ({ aggregateId: item, payload: { price, tags }, occurredAt: seen }) =>
        create('stock', { item, count: 1, price, tags, details: { from: 'list', sizes: [1, 2] }, seen }),
      StockCounted: count,
    },
  });
}

/** The projection with a handler that throws at a count. */
export const brokenStock: Projection = stockWith(({ payload }) => {
  throw new TypeError(`no idea what ${Object.keys(payload.counts).length} counts are`);
});

/** The projection with the mended handler. */
export const mendedStock: Projection = stockWith(({ payload }) =>
  Object.entries(payload.counts).map(([item, count]) => update('stock', { count }, { item })),
);
