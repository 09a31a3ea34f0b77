import { button, make, write } from './element.ts';
import type { Token } from './token.ts';

/** Says whether this tab may give orders, and takes the token where it may not. */
export class TokenForm {
  readonly element = make('div', { class: 'token' });
  readonly #token: Token;
  readonly #onChange: () => void;
  readonly #says = make('span', { class: 'token-says' });
  readonly #open: HTMLButtonElement;
  readonly #form: HTMLFormElement;
  readonly #input = make('input', {
    id: 'token',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    required: true,
  });

  constructor(token: Token, onChange: () => void) {
    this.#token = token;
    this.#onChange = onChange;
    this.#open = button('Enter token', { class: 'plain', 'aria-expanded': 'false' }, () => this.#toggle());
    this.#form = make(
      'form',
      { class: 'token-form' },
      make('label', { for: 'token' }, 'Token of the daemon'),
      this.#input,
      make('button', { type: 'submit', class: 'primary' }, 'Use it'),
      make('p', { class: 'hint' }, 'The daemon prints it at its start, and keeps it in .projectionist/daemon.json.'),
    );
    this.#form.hidden = true;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#use(this.#input.value.trim());
    });
    this.element.append(this.#says, this.#open, this.#form);
    this.#show();
  }

  /** Opens the field and goes there: something was asked that needs the token. */
  ask(): void {
    if (this.#form.hidden) this.#toggle();
    this.#input.focus();
  }

  #toggle(): void {
    if (this.#token.value !== null) {
      this.#use(null);
      return;
    }
    this.#form.hidden = !this.#form.hidden;
    this.#open.setAttribute('aria-expanded', String(!this.#form.hidden));
    if (!this.#form.hidden) this.#input.focus();
  }

  #use(value: string | null): void {
    this.#token.set(value === '' ? null : value);
    this.#input.value = '';
    this.#form.hidden = true;
    this.#open.focus();
    this.#show();
    this.#onChange();
  }

  #show(): void {
    const known = this.#token.value !== null;
    write(this.#says, known ? '' : 'Read only');
    write(this.#open, known ? 'Forget token' : 'Enter token');
    this.#open.setAttribute('aria-expanded', 'false');
  }
}
