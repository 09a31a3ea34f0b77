import { duration, grouped } from '../core/readable.ts';
import { make, set, write } from './element.ts';
import { clock } from './format.ts';
import type { PollResult } from './polling.ts';
import { TokenForm, type TokenFormOptions } from './token-form.ts';

/** Head of every page: which daemon this is, whether it answers, and the health of the broker and the publisher. */
export class Header {
  readonly element: HTMLElement;
  readonly banner = make('p', { class: 'banner', role: 'alert' });
  /** Why the broker or the publisher is unhealthy: a line each, below the header. */
  readonly warnings = make('section', { class: 'warnings', 'aria-label': 'Broker and publisher' });
  readonly tokenForm: TokenForm;
  readonly #daemon = make('span', { class: 'daemon' });
  readonly #store = fact('Store');
  readonly #broker = fact('Broker');
  readonly #publisher = fact('Publisher');

  constructor(token: TokenFormOptions) {
    this.tokenForm = new TokenForm(token);
    this.banner.hidden = true;
    this.warnings.hidden = true;
    this.element = make(
      'header',
      { class: 'top' },
      make('a', { class: 'brand', href: '#/' }, 'Projectionist'),
      this.#daemon,
      make('dl', { class: 'health' }, this.#store.element, this.#broker.element, this.#publisher.element),
      this.tokenForm.element,
    );
  }

  update({ fleet, about, at, unreachable }: PollResult): void {
    write(this.#daemon, about === null ? '' : `${about.daemon} · ${about.version}`);
    const { broker, publisher, projections = [] } = fleet ?? {};
    const head = projections.reduce((greatest, one) => (BigInt(one.head) > greatest ? BigInt(one.head) : greatest), 0n);
    const isRead = projections.every(({ lagEvents }) => lagEvents !== null);
    const position = isRead ? `position ${grouped(String(head))}` : 'cannot be read';
    this.#store.show(fleet === null ? null : position, isRead);
    this.#broker.show(broker?.state ?? null, broker?.state === 'healthy');
    const lag = publisher?.lagEvents ?? 0;
    const behind = publisher?.lagEvents === null ? ', lag not known' : lag > 0 ? `, ${grouped(lag)} behind` : '';
    this.#publisher.show(
      publisher === undefined ? null : publisher.state + behind,
      publisher !== undefined && !['blocked', 'backing-off', 'halted'].includes(publisher.state),
    );
    this.#warnOf('Broker', broker?.detail ?? null, 0);
    this.#warnOf('Publisher', publisher?.detail ?? null, 1);
    this.#showOutage(fleet === null ? null : at, unreachable);
  }

  #warnOf(part: string, detail: string | null, index: number): void {
    while (this.warnings.children.length <= index) this.warnings.append(make('p'));
    const line = this.warnings.children[index];
    if (!(line instanceof HTMLElement)) return;
    write(line, detail === null ? '' : `${part}: ${detail}`);
    line.hidden = detail === null;
    this.warnings.hidden = [...this.warnings.children].every((one) => one.textContent === '');
  }

  /** The text changes only every ten seconds, since a screen reader reads out each change. */
  #showOutage(at: number | null, unreachable: PollResult['unreachable']): void {
    this.banner.hidden = unreachable === null;
    if (unreachable === null) {
      write(this.banner, '');
      return;
    }
    const now = new Date();
    const since = `since ${clock(new Date(unreachable.since), now)}`;
    const elapsed = duration(Math.floor((now.getTime() - unreachable.since) / 10_000) * 10);
    const what = unreachable.needsToken
      ? `This daemon shows nothing without its token: ${unreachable.message}`
      : `${unreachable.message}, ${since}${elapsed === '0 s' ? '' : ` (${elapsed})`}`;
    const shown = at === null || unreachable.needsToken ? '' : ` What is shown is from ${clock(new Date(at), now)}.`;
    write(this.banner, `${what.charAt(0).toUpperCase()}${what.slice(1)}.${shown}`);
  }
}

/** A name and its health; hidden while there is no text. */
function fact(name: string) {
  const value = make('dd');
  const element = make('div', { class: 'fact' }, make('dt', {}, name), value);
  return {
    element,
    show(text: string | null, isHealthy: boolean): void {
      element.hidden = text === null;
      write(value, text ?? '');
      set(element, { 'data-well': String(isHealthy) });
    },
  };
}
