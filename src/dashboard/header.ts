import { duration, grouped } from '../core/readable.ts';
import { make, set, write } from './element.ts';
import { clock } from './format.ts';
import type { PollResult } from './polling.ts';
import { TokenForm, type TokenFormOptions } from './token-form.ts';

/** Above every page: which daemon this is, whether it answers, and how the broker and the publisher are. */
export class Header {
  readonly element: HTMLElement;
  readonly banner = make('p', { class: 'banner', role: 'alert' });
  /** Why the broker or the publisher is not well: a line each, below the header. */
  readonly worries = make('section', { class: 'worries', 'aria-label': 'Broker and publisher' });
  readonly tokenForm: TokenForm;
  readonly #daemon = make('span', { class: 'daemon' });
  readonly #head = fact('Store');
  readonly #broker = fact('Broker');
  readonly #publisher = fact('Publisher');

  constructor(token: TokenFormOptions) {
    this.tokenForm = new TokenForm(token);
    this.banner.hidden = true;
    this.worries.hidden = true;
    this.element = make(
      'header',
      { class: 'top' },
      make('a', { class: 'brand', href: '#/' }, 'Projectionist'),
      this.#daemon,
      make('dl', { class: 'health' }, this.#head.element, this.#broker.element, this.#publisher.element),
      this.tokenForm.element,
    );
  }

  update({ fleet, about, at, databaseError }: PollResult): void {
    write(this.#daemon, about === null ? '' : `${about.daemon} · ${about.version}`);
    const { broker, publisher, projections = [] } = fleet ?? {};
    const head = projections.reduce((greatest, one) => (BigInt(one.head) > greatest ? BigInt(one.head) : greatest), 0n);
    this.#head.show(fleet === null ? null : `position ${grouped(String(head))}`, true);
    this.#broker.show(broker?.state ?? null, broker?.state === 'healthy');
    const behind = (publisher?.lagEvents ?? 0) > 0 ? `, ${grouped(publisher?.lagEvents ?? 0)} behind` : '';
    this.#publisher.show(
      publisher === undefined ? null : publisher.state + behind,
      publisher !== undefined && !['blocked', 'backing-off', 'halted'].includes(publisher.state),
    );
    this.#worry('Broker', broker?.detail ?? null, 0);
    this.#worry('Publisher', publisher?.detail ?? null, 1);
    this.#warn(fleet === null ? null : at, databaseError);
  }

  #worry(of: string, why: string | null, at: number): void {
    while (this.worries.children.length <= at) this.worries.append(make('p'));
    const line = this.worries.children[at];
    if (!(line instanceof HTMLElement)) return;
    write(line, why === null ? '' : `${of}: ${why}`);
    line.hidden = why === null;
    this.worries.hidden = [...this.worries.children].every((one) => one.textContent === '');
  }

  /** Written again only when it says something new: a screen reader reads it out each time. */
  #warn(at: number | null, databaseError: PollResult['databaseError']): void {
    this.banner.hidden = databaseError === null;
    if (databaseError === null) {
      write(this.banner, '');
      return;
    }
    const now = new Date();
    const since = `since ${clock(new Date(databaseError.since), now)}`;
    const gone = duration(Math.floor((now.getTime() - databaseError.since) / 10_000) * 10);
    const what = databaseError.needsToken
      ? `This daemon shows nothing without its token: ${databaseError.message}`
      : `${databaseError.message}, ${since}${gone === '0 s' ? '' : ` (${gone})`}`;
    const shown = at === null || databaseError.needsToken ? '' : ` What is shown is from ${clock(new Date(at), now)}.`;
    write(this.banner, `${what.charAt(0).toUpperCase()}${what.slice(1)}.${shown}`);
  }
}

/** A name and how it is; hidden where there is nothing to say. */
function fact(name: string) {
  const value = make('dd');
  const element = make('div', { class: 'fact' }, make('dt', {}, name), value);
  return {
    element,
    show(text: string | null, well: boolean): void {
      element.hidden = text === null;
      write(value, text ?? '');
      set(element, { 'data-well': String(well) });
    },
  };
}
