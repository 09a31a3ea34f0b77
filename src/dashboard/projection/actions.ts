import {
  OPERATOR_COMMANDS,
  type OperatorEvent,
  operatorCommand,
} from '../../core/operator-commands/command-registry.ts';
import { grouped } from '../../core/readable.ts';
import type { ProjectionStatus } from '../../core/status.ts';
import type { Announcer } from '../announcer.ts';
import { projectionChart } from '../chart/chart.ts';
import { takes } from '../chart/lighting.ts';
import { type DaemonClient, RefusedError } from '../daemon-client.ts';
import { button, make, set } from '../element.ts';
import { insideOf } from '../fleet.ts';
import { askFor } from './dialog.ts';

export interface ActionsOptions {
  readonly client: DaemonClient;
  readonly announcer: Announcer;
  /** False where no token is known: orders then ask for it. */
  readonly mayOrder: () => boolean;
  readonly askForToken: () => void;
  /** Something has changed: look again. */
  readonly onDone: () => void;
}

/** The buttons. One that the projection's state does not take stays reachable, and says why when it is used. */
export class Actions {
  readonly element: HTMLElement;
  readonly #options: ActionsOptions;
  readonly #buttons: ReadonlyMap<OperatorEvent, HTMLButtonElement>;
  #status: ProjectionStatus | null = null;
  #answers = true;
  #under: OperatorEvent | null = null;

  constructor(options: ActionsOptions) {
    this.#options = options;
    const buttons = OPERATOR_COMMANDS.map(({ name: order }) => {
      const attributes = { class: order === 'RESET' ? 'danger-quiet' : '', 'data-order': order };
      return [order, button(order, attributes, () => void this.#use(order))] as const;
    });
    this.#buttons = new Map(buttons);
    const made = buttons.map(([, one]) => one);
    this.element = make('div', { class: 'actions', role: 'group', 'aria-label': 'Orders' }, ...made);
  }

  /** @param answers whether the daemon does */
  update(status: ProjectionStatus, answers: boolean): void {
    this.#status = status;
    this.#answers = answers;
    for (const [order, one] of this.#buttons) {
      set(one, {
        'aria-disabled': String(this.#whyNot(order) !== null),
        'aria-busy': String(this.#under === order),
        title: this.#whyNot(order) ?? '',
      });
    }
  }

  /** Why an order cannot be given now; null: it can. */
  #whyNot(order: OperatorEvent): string | null {
    const status = this.#status;
    if (status === null || !this.#answers) return 'The daemon does not answer.';
    if (this.#under !== null) return `${this.#under} is under way.`;
    const { state, substate, failure, name } = status;
    if (order === 'SKIP' && failure?.eventId === null) return 'No single event is at fault, so there is none to skip.';
    if (takes(projectionChart(), substate, operatorCommand(order).machineEvent)) return null;
    const inside = insideOf(status);
    return `${order} does nothing while ${name} is ${state}${inside === '' ? '' : ` (${inside})`}.`;
  }

  async #use(order: OperatorEvent): Promise<void> {
    const { announcer, mayOrder, askForToken } = this.#options;
    const [status, whyNot] = [this.#status, this.#whyNot(order)];
    if (status === null || whyNot !== null) return announcer.say('refused', whyNot ?? 'Not yet.');
    if (!mayOrder()) return askForToken();
    const { dialog, fields = [] } = operatorCommand(order);
    const decision = await askFor(dialog(status), { needsReason: fields.includes('reason') });
    if (decision === null) return;
    const position = status.failure?.position;
    await this.#give(order, status, {
      ...(fields.includes('position') && position !== undefined && { position }),
      ...(decision.reason !== null && { reason: decision.reason }),
    });
  }

  async #give(
    order: OperatorEvent,
    status: ProjectionStatus,
    given: { position?: string; reason?: string },
  ): Promise<void> {
    const { client, announcer, askForToken, onDone } = this.#options;
    this.#under = order;
    this.update(status, this.#answers);
    const what = `${order} of ${status.name}${given.position === undefined ? '' : ` at ${grouped(given.position)}`}`;
    try {
      const { state, warning } = await client.order(status.name, order, given);
      const failure = state === 'failed' ? (await client.projection(status.name)).failure : null;
      // The order was carried out, and what it was given for did not come about.
      if (failure !== null) announcer.say('refused', `${what}: it failed again. ${failure.error}`);
      else announcer.say('done', `${what}: done${state === undefined ? '' : `, it is ${state}`}.`);
      if (warning !== undefined && warning !== null) announcer.say('refused', warning);
    } catch (error) {
      announcer.say('refused', `${what}: ${error instanceof Error ? error.message : String(error)}`);
      if (error instanceof RefusedError && error.status === 401) askForToken();
    } finally {
      this.#under = null;
      this.update(this.#status ?? status, this.#answers);
      onDone();
    }
  }
}
