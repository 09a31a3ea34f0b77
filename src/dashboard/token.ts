import { percentDecoded } from '../core/percent-encoding.ts';

const STORAGE_KEY = 'projectionist.token';

/** The daemon's token as this tab knows it: from the address that the daemon printed, or from the form. */
export class Token {
  #value: string | null;

  /**
   * Removes the token from the address at once: the browser keeps addresses in its history and shows them on the screen.
   * The session storage ends with the tab.
   */
  constructor() {
    const given = /^#token=(.+)$/.exec(location.hash)?.[1];
    if (given !== undefined) {
      sessionStorage.setItem(STORAGE_KEY, percentDecoded(given));
      history.replaceState(null, '', '/');
    }
    this.#value = sessionStorage.getItem(STORAGE_KEY);
  }

  get value(): string | null {
    return this.#value;
  }

  set(value: string | null): void {
    this.#value = value;
    if (value === null) sessionStorage.removeItem(STORAGE_KEY);
    else sessionStorage.setItem(STORAGE_KEY, value);
  }
}
