import type { Socket } from 'node:net';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';

/** How bytes are forwarded, in both directions. */
export interface Weather {
  readonly delayMs: number;
  /** Bytes per write. Each write is in a turn of the event loop of its own. */
  readonly sliceBytes: number;
  readonly bytesPerSecond: number;
}

export const CALM: Weather = {
  delayMs: 0,
  sliceBytes: Number.POSITIVE_INFINITY,
  bytesPerSecond: Number.POSITIVE_INFINITY,
};

/** Shorter pauses are added up until they reach this, because a timer is not precise enough for them. */
const LEAST_PAUSE_MS = 5;

/** One direction of a connection: bytes leave in the order of arrival, by the weather at their arrival. */
export class Lane {
  readonly #to: Socket;
  readonly #weather: () => Weather;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(to: Socket, weather: () => Weather) {
    this.#to = to;
    this.#weather = weather;
  }

  /** @param held a promise that these bytes and all later ones wait for */
  send(bytes: Buffer, held?: Promise<void>): void {
    const weather = this.#weather();
    if (weather === CALM && held === undefined && this.#waiting === 0) {
      this.#write(bytes);
      return;
    }
    const due = performance.now() + weather.delayMs;
    this.#after(async () => {
      await held;
      await pauseFor(due - performance.now());
      await this.#slice(bytes, weather);
    });
  }

  /** Ends the other side after all earlier bytes were written. */
  end(): void {
    this.#after(async () => {
      this.#to.end();
    });
  }

  #after(work: () => Promise<void>): void {
    this.#waiting += 1;
    this.#last = this.#last.then(work).finally(() => {
      this.#waiting -= 1;
    });
  }

  async #slice(bytes: Buffer, { sliceBytes, bytesPerSecond }: Weather): Promise<void> {
    let owedMs = 0;
    for (let at = 0; at < bytes.length && this.#to.writable; at += sliceBytes) {
      const slice = bytes.subarray(at, Math.min(bytes.length, at + sliceBytes));
      this.#write(slice);
      owedMs += (slice.length / bytesPerSecond) * 1000;
      if (owedMs >= LEAST_PAUSE_MS) {
        await pause(owedMs);
        owedMs = 0;
      } else await turn();
    }
  }

  #write(bytes: Buffer): void {
    if (this.#to.writable) this.#to.write(bytes);
  }
}

async function pauseFor(ms: number): Promise<void> {
  if (ms > 0) await pause(ms);
}
