import { type Step, StepReader } from './inspection.ts';

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/** Follows `WS /inspect` for as long as the page is open; where it cannot, the page shows what polling finds. */
export class InspectionSocket {
  readonly #token: () => string | null;
  readonly #onStep: (step: Step) => void;
  #reader: StepReader | null = null;
  #wait = FIRST_WAIT_MS;
  #socket: WebSocket | null = null;
  #begun = false;
  #timer = 0;

  constructor(token: () => string | null, onStep: (step: Step) => void) {
    this.#token = token;
    this.#onStep = onStep;
  }

  /** From now on; nothing more where it has been called before. */
  open(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#open();
  }

  /** Where a projection's actor in this daemon stands, to the moment; null while not connected, or not known. */
  stateOf(name: string): string | null {
    return this.#reader?.stateOf(name) ?? null;
  }

  /** Anew, with the token as it is now. */
  renew(): void {
    this.#socket?.close();
    this.#wait = FIRST_WAIT_MS;
    this.#open();
  }

  /** It wants the token always: pages of any origin may open a WebSocket. */
  #open(): void {
    clearTimeout(this.#timer);
    const token = this.#token();
    if (token === null) return;
    const protocols = ['projectionist', `projectionist.token.${encodeURIComponent(token)}`];
    const address = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/inspect`;
    let socket: WebSocket;
    try {
      socket = new WebSocket(address, protocols);
    } catch {
      // A token with a bracket in it, which no subprotocol may have.
      return;
    }
    this.#socket = socket;
    const reader = new StepReader();
    socket.addEventListener('open', () => {
      this.#reader = reader;
      this.#wait = FIRST_WAIT_MS;
    });
    socket.addEventListener('message', ({ data }) => {
      const step = reader.read(data);
      if (step !== null) this.#onStep(step);
    });
    socket.addEventListener('close', () => {
      if (this.#socket !== socket) return;
      this.#reader = null;
      this.#timer = setTimeout(() => this.#open(), this.#wait * (0.5 + Math.random() / 2));
      this.#wait = Math.min(LONGEST_WAIT_MS, this.#wait * 2);
    });
  }
}
