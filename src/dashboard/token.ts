const KEPT_AS = 'projectionist.token';

/** The daemon's token as this tab knows it: from the address the daemon printed, or typed in. */
export class Token {
  #value: string | null;

  /**
   * Takes it out of the address at once: an address is kept in the browser's history, and shown to whoever looks on. The
   * tab's own storage ends with the tab.
   */
  constructor() {
    const given = /^#token=(.+)$/.exec(location.hash)?.[1];
    if (given !== undefined) {
      sessionStorage.setItem(KEPT_AS, decode(given));
      history.replaceState(null, '', '/');
    }
    this.#value = sessionStorage.getItem(KEPT_AS);
  }

  get value(): string | null {
    return this.#value;
  }

  set(value: string | null): void {
    this.#value = value;
    if (value === null) sessionStorage.removeItem(KEPT_AS);
    else sessionStorage.setItem(KEPT_AS, value);
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
