import { button, make, set, write } from './element.ts';
import type { Token } from './token.ts';

export interface TokenFormOptions {
  readonly token: Token;
  /** Whether the daemon accepts this token. Rejects if the daemon does not answer. */
  readonly accepts: (token: string) => Promise<boolean>;
  readonly onChange: () => void;
}

/** Shows whether this tab may send commands, and asks for the token if not. A wrong token is refused at once. */
export class TokenForm {
  readonly element = make('div', { class: 'token' });
  readonly #options: TokenFormOptions;
  readonly #label = make('span', { class: 'token-says' });
  readonly #open: HTMLButtonElement;
  readonly #form: HTMLFormElement;
  readonly #wrong = make('p', { class: 'token-wrong', role: 'alert' });
  readonly #input = make('input', {
    id: 'token',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    required: true,
  });

  constructor(options: TokenFormOptions) {
    this.#options = options;
    this.#open = button('Enter token', { class: 'plain', 'aria-expanded': 'false' }, () => this.#toggle());
    this.#form = make(
      'form',
      { class: 'token-form' },
      make('label', { for: 'token' }, 'Token of the daemon'),
      this.#input,
      make('button', { type: 'submit', class: 'primary' }, 'Use it'),
      this.#wrong,
      make('p', { class: 'hint' }, 'The daemon prints it when it starts, and keeps it in .projectionist/daemon.json.'),
    );
    this.#form.hidden = true;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit(this.#input.value.trim());
    });
    this.element.append(this.#label, this.#open, this.#form);
    this.#show();
  }

  /** Opens the form and moves the focus into it, after an action that needs the token. */
  ask(): void {
    if (this.#form.hidden) this.#toggle();
    this.#input.focus();
  }

  /** Drops a token that is of another daemon, or of this one before a restart. */
  async check(): Promise<void> {
    const { token, onChange } = this.#options;
    const { value } = token;
    if (value === null || (await this.#isAccepted(value))) return;
    if (token.value !== value) return;
    token.set(null);
    this.#show();
    this.#refuse('The token of this tab is not the one of this daemon.');
    onChange();
  }

  #toggle(): void {
    if (this.#options.token.value !== null) {
      this.#use(null);
      return;
    }
    this.#setOpen(this.#form.hidden !== false);
    if (!this.#form.hidden) this.#input.focus();
  }

  async #submit(value: string): Promise<void> {
    set(this.#form, { 'aria-busy': 'true' });
    const isAccepted = await this.#isAccepted(value);
    set(this.#form, { 'aria-busy': 'false' });
    if (isAccepted) this.#use(value);
    else {
      this.#refuse("This is not the daemon's token.");
      this.#input.select();
    }
  }

  /** A token counts as accepted while the daemon does not answer: the next command shows whether it is right. */
  async #isAccepted(value: string): Promise<boolean> {
    return await this.#options.accepts(value).catch(() => true);
  }

  #refuse(reason: string): void {
    this.#setOpen(true);
    write(this.#wrong, reason);
    this.#wrong.hidden = false;
  }

  #use(value: string | null): void {
    this.#options.token.set(value === '' ? null : value);
    this.#input.value = '';
    this.#setOpen(false);
    this.#open.focus();
    this.#show();
    this.#options.onChange();
  }

  #setOpen(open: boolean): void {
    this.#form.hidden = !open;
    this.#wrong.hidden = true;
    this.#open.setAttribute('aria-expanded', String(open));
  }

  #show(): void {
    const known = this.#options.token.value !== null;
    write(this.#label, known ? '' : 'Read only');
    write(this.#open, known ? 'Forget token' : 'Enter token');
  }
}
