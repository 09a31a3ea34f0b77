import { button, make, set, write } from './element.ts';
import type { Token } from './token.ts';

export interface TokenFormOptions {
  readonly token: Token;
  /** Whether the daemon takes this token. Rejects where the daemon does not say. */
  readonly accepts: (token: string) => Promise<boolean>;
  readonly onChange: () => void;
}

/** Says whether this tab may give orders, and takes the token where it may not. A wrong one is refused at once. */
export class TokenForm {
  readonly element = make('div', { class: 'token' });
  readonly #options: TokenFormOptions;
  readonly #says = make('span', { class: 'token-says' });
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
      make('p', { class: 'hint' }, 'The daemon prints it at its start, and keeps it in .projectionist/daemon.json.'),
    );
    this.#form.hidden = true;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit(this.#input.value.trim());
    });
    this.element.append(this.#says, this.#open, this.#form);
    this.#show();
  }

  /** Opens the field and goes there: something was asked that needs the token. */
  ask(): void {
    if (this.#form.hidden) this.#toggle();
    this.#input.focus();
  }

  /** The token that this tab knows may be another daemon's, or that of this one before it was restarted. */
  async check(): Promise<void> {
    const { token, onChange } = this.#options;
    const { value } = token;
    if (value === null || (await this.#isTaken(value))) return;
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
    const taken = await this.#isTaken(value);
    set(this.#form, { 'aria-busy': 'false' });
    if (taken) this.#use(value);
    else {
      this.#refuse("This is not the daemon's token.");
      this.#input.select();
    }
  }

  /** A daemon that does not answer refuses nothing: the next order says whether the token is right. */
  async #isTaken(value: string): Promise<boolean> {
    return await this.#options.accepts(value).catch(() => true);
  }

  #refuse(why: string): void {
    this.#setOpen(true);
    write(this.#wrong, why);
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
    write(this.#says, known ? '' : 'Read only');
    write(this.#open, known ? 'Forget token' : 'Enter token');
  }
}
