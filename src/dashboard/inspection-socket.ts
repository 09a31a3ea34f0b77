import { type ActorTransition, TransitionReader } from './inspection.ts';

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/** Follows `WS /inspect` for as long as the page is open. While it is not connected, the page shows what polling finds. */
export class InspectionSocket {
  readonly #token: () => string | null;
  readonly #onTransition: (transition: ActorTransition) => void;
  #reader: TransitionReader | null = null;
  #waitMs = FIRST_WAIT_MS;
  #socket: WebSocket | null = null;
  #isOpened = false;
  #timer = 0;

  constructor(token: () => string | null, onTransition: (transition: ActorTransition) => void) {
    this.#token = token;
    this.#onTransition = onTransition;
  }

  /** Connects, and reconnects from now on. A second call does nothing. */
  open(): void {
    if (this.#isOpened) return;
    this.#isOpened = true;
    this.#open();
  }

  /** State path of a projection's actor in this daemon; null while the socket is not connected, or if the actor is unknown. */
  stateOf(name: string): string | null {
    return this.#reader?.stateOf(name) ?? null;
  }

  /** Connects again, with the present token. */
  renew(): void {
    this.#socket?.close();
    this.#waitMs = FIRST_WAIT_MS;
    this.#open();
  }

  /** The daemon always demands the token here, since pages of any origin may open a WebSocket. */
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
      // The token holds a character that no subprotocol may have, such as a bracket.
      return;
    }
    this.#socket = socket;
    const reader = new TransitionReader();
    socket.addEventListener('open', () => {
      this.#reader = reader;
      this.#waitMs = FIRST_WAIT_MS;
    });
    socket.addEventListener('message', ({ data }) => {
      const transition = reader.read(data);
      if (transition !== null) this.#onTransition(transition);
    });
    socket.addEventListener('close', () => {
      if (this.#socket !== socket) return;
      this.#reader = null;
      this.#timer = setTimeout(() => this.#open(), this.#waitMs * (0.5 + Math.random() / 2));
      this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
    });
  }
}
