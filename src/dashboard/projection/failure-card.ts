import { count, grouped } from '../../core/readable.ts';
import type { FailureStatus, ProjectionStatus } from '../../core/status.ts';
import { type DaemonClient, RefusedError } from '../daemon-client.ts';
import { button, make, set, write } from '../element.ts';
import { clock } from '../format.ts';
import { payloadOf, showTry } from './try-report.ts';

export interface FailureCardOptions {
  readonly client: DaemonClient;
  readonly askForToken: () => void;
}

/** The event at which a projection has failed: which, why, and what an operator can do. Payloads are loaded on request only. */
export class FailureCard {
  readonly element = make('section', { class: 'card failure', 'aria-labelledby': 'failure' });
  readonly #options: FailureCardOptions;
  readonly #title = make('h2', { id: 'failure' });
  readonly #error = make('p', { class: 'error' });
  readonly #about = make('dl', { class: 'about' });
  readonly #statement = make('pre', { tabindex: '0', 'aria-label': 'Statement' });
  readonly #buttons: HTMLElement;
  readonly #more = make('div', { class: 'more', 'aria-live': 'polite' });
  #name = '';
  #shown = '';

  constructor(options: FailureCardOptions) {
    this.#options = options;
    this.element.hidden = true;
    const { client } = options;
    this.#buttons = make(
      'div',
      { class: 'actions' },
      button('Show payload', {}, () => void this.#fetch(async () => payloadOf(await client.capsule(this.#name)))),
      button(
        'Try it',
        { title: 'Applies the event with the present code in a transaction that is rolled back' },
        () => void this.#fetch(async () => showTry(await client.tryFailed(this.#name))),
      ),
    );
    this.element.append(this.#title, this.#error, this.#about, this.#statement, this.#buttons, this.#more);
  }

  update({ name, failure }: ProjectionStatus): void {
    this.element.hidden = failure === null;
    const shown = failure === null ? '' : JSON.stringify([name, failure]);
    if (failure === null || shown === this.#shown) return;
    // A dry run or payload of another event must not stay under this failure.
    if (!this.#sameEvent(name, failure)) this.#more.replaceChildren();
    this.#shown = shown;
    this.#name = name;
    const { eventName, position, error, statement, eventId } = failure;
    write(
      this.#title,
      eventName === null ? 'The projection cannot go on' : `Failed at ${eventName}, position ${grouped(position)}`,
    );
    write(this.#error, error);
    this.#about.replaceChildren(...aboutOf(failure));
    write(this.#statement, statement ?? '');
    this.#statement.hidden = statement === null;
    this.#buttons.hidden = eventId === null;
  }

  #sameEvent(name: string, { eventId }: FailureStatus): boolean {
    return this.#shown.startsWith(JSON.stringify([name]).slice(0, -1)) && this.#shown.includes(JSON.stringify(eventId));
  }

  async #fetch(content: () => Promise<Node>): Promise<void> {
    set(this.#more, { 'aria-busy': 'true' });
    try {
      this.#more.replaceChildren(await content());
    } catch (error) {
      if (error instanceof RefusedError && error.status === 401) this.#options.askForToken();
      this.#more.replaceChildren(make('p', { class: 'error' }, error instanceof Error ? error.message : String(error)));
    }
    set(this.#more, { 'aria-busy': 'false' });
  }
}

function aboutOf({ eventId, attempts, sqlstate, code, at }: FailureStatus): readonly HTMLElement[] {
  const facts = [
    ['Tried', attempts === 0 ? null : `${count(attempts, 'time')}, last at ${clock(new Date(at), new Date())}`],
    ['SQLSTATE', sqlstate],
    ['Code', code],
    ['Event', eventId],
  ] as const;
  return facts.flatMap(([title, value]) =>
    value === null ? [] : [make('div', {}, make('dt', {}, title), make('dd', {}, value))],
  );
}
