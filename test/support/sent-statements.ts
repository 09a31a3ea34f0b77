import pg from 'pg';
import { vi } from 'vitest';

/** One statement as the driver sent it. */
export interface SentStatement {
  readonly text: string;
  readonly values: readonly (string | null)[];
}

interface Parse {
  readonly name?: string;
  readonly text: string;
}
interface Bind {
  readonly statement?: string;
  readonly values?: readonly unknown[];
}

/**
 * Records the statements that the driver sends over any connection of this process, unchanged. The driver parses a named
 * statement once and binds it many times, so texts are kept by name. `stop` ends the recording.
 */
export function recordStatements(): { readonly sent: readonly SentStatement[]; readonly stop: () => void } {
  const sent: SentStatement[] = [];
  const texts = new WeakMap<object, Map<string, string>>();
  const wire: { parse(query: Parse, more?: boolean): void; bind(config: Bind, more?: boolean): void } = pg.Connection
    .prototype as never;
  const { parse, bind } = wire;
  const parses = vi.spyOn(wire, 'parse').mockImplementation(function (this: object, query, more) {
    const known = texts.get(this) ?? new Map<string, string>();
    texts.set(this, known.set(query.name ?? '', query.text));
    return parse.call(this as never, query, more);
  });
  const binds = vi.spyOn(wire, 'bind').mockImplementation(function (this: object, config, more) {
    const text = texts.get(this)?.get(config.statement ?? '');
    const values = (config.values ?? []).map((value) => (value === null || value === undefined ? null : String(value)));
    if (text !== undefined) sent.push({ text, values });
    return bind.call(this as never, config, more);
  });
  return {
    sent,
    stop: () => {
      parses.mockRestore();
      binds.mockRestore();
    },
  };
}
