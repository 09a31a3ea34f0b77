import { button, make } from './element.ts';

type Kind = 'done' | 'refused' | 'news';
const KEPT = 4;

/**
 * How orders ended, told to a screen reader and shown in the corner until it is put away. A refusal stays; what went well
 * goes by itself.
 */
export class Announcer {
  readonly element = make('div', { class: 'notices', role: 'log', 'aria-live': 'polite', 'aria-label': 'Outcomes' });

  say(kind: Kind, text: string): void {
    const notice = make('div', { class: 'notice', 'data-kind': kind }, make('p', {}, text));
    notice.append(button('×', { class: 'notice-close', 'aria-label': 'Put away' }, () => notice.remove()));
    this.element.append(notice);
    while (this.element.children.length > KEPT) this.element.firstElementChild?.remove();
    if (kind !== 'refused') setTimeout(() => notice.remove(), 12_000);
  }
}
