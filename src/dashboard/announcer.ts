import { button, make } from './element.ts';

type Kind = 'done' | 'refused';
/** More notices would cover the page. */
const MAX_NOTICES = 4;

/**
 * Announces the outcomes of commands: a screen reader reads them, and the corner of the page shows them. A refusal stays
 * until it is closed; a success disappears by itself.
 */
export class Announcer {
  readonly element = make('div', { class: 'notices', role: 'log', 'aria-live': 'polite', 'aria-label': 'Outcomes' });

  announce(kind: Kind, text: string): void {
    const notice = make('div', { class: 'notice', 'data-kind': kind }, make('p', {}, text));
    notice.append(button('×', { class: 'notice-close', 'aria-label': 'Close' }, () => notice.remove()));
    this.element.append(notice);
    while (this.element.children.length > MAX_NOTICES) this.element.firstElementChild?.remove();
    if (kind !== 'refused') setTimeout(() => notice.remove(), 12_000);
  }
}
