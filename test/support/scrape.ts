/** One metric of a response of `GET /metrics`. */
export interface Scraped {
  readonly type: string;
  readonly help: string;
  /** Names of its labels, `le` and `quantile` left out. */
  readonly labels: ReadonlySet<string>;
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

/** Parses the part of the text format that tests need, without the library that writes it. @throws Error on any other line */
export function readScrape(text: string): ReadonlyMap<string, Scraped> {
  const found = new Map<
    string,
    { type: string; help: string; labels: Set<string>; samples: Scraped['samples'][number][] }
  >();
  let current = { type: '', help: '', labels: new Set<string>(), samples: [] as Scraped['samples'][number][] };
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, kind, about = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      current = { type: '', help: rest, labels: new Set(), samples: [] };
      found.set(about, current);
    } else if (kind === 'TYPE') current.type = rest;
    else {
      const [, , inner = '', number = ''] = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (number === '') throw new Error(`no line of the text format: ${line}`);
      const labels = Object.fromEntries(
        [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"|(\w+)=([^",]+)/g)].map(([, name, value, bare, plain]) => [
          name ?? bare ?? '',
          value ?? plain ?? '',
        ]),
      );
      for (const name of Object.keys(labels)) if (name !== 'le' && name !== 'quantile') current.labels.add(name);
      current.samples.push({ labels, value: Number(number.replace('Nan', 'NaN').replace('+Inf', 'Infinity')) });
    }
  }
  return found;
}
