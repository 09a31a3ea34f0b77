import type { Transaction } from '../core/projection.ts';
import type { Tx } from './connect.ts';

/** What a handler gets of the page's transaction: statements with parameters, no way to begin, end or leave it. */
export function lend(tx: Tx): Transaction {
  return <T extends readonly object[]>(text: TemplateStringsArray, ...parameters: readonly unknown[]) =>
    tx<T>(text, ...parameters);
}
