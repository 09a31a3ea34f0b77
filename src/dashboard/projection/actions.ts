import {
  OPERATOR_COMMANDS,
  type OperatorEvent,
  operatorCommand,
} from '../../core/operator-commands/command-registry.ts';
import { grouped } from '../../core/readable.ts';
import type { ProjectionStatus } from '../../core/status.ts';
import type { Announcer } from '../announcer.ts';
import { projectionChart } from '../chart/chart.ts';
import { accepts } from '../chart/lighting.ts';
import { type DaemonClient, RefusedError } from '../daemon-client.ts';
import { button, make, set } from '../element.ts';
import { substateOf } from '../fleet.ts';
import { askFor } from './dialog.ts';

export interface ActionsOptions {
  readonly client: DaemonClient;
  readonly announcer: Announcer;
  /** False if this tab knows no token: a command then asks for it. */
  readonly maySend: () => boolean;
  readonly askForToken: () => void;
  /** Called after each command, so that the page polls at once. */
  readonly onDone: () => void;
}

/** The buttons for commands. A button that the present state does not accept stays focusable, and says why when it is used. */
export class Actions {
  readonly element: HTMLElement;
  readonly #options: ActionsOptions;
  readonly #buttons: ReadonlyMap<OperatorEvent, HTMLButtonElement>;
  #status: ProjectionStatus | null = null;
  #isReachable = true;
  #running: OperatorEvent | null = null;

  constructor(options: ActionsOptions) {
    this.#options = options;
    const buttons = OPERATOR_COMMANDS.map(({ name: command }) => {
      const attributes = { class: command === 'RESET' ? 'danger-quiet' : '', 'data-command': command };
      return [command, button(command, attributes, () => void this.#use(command))] as const;
    });
    this.#buttons = new Map(buttons);
    const made = buttons.map(([, one]) => one);
    this.element = make('div', { class: 'actions', role: 'group', 'aria-label': 'Commands' }, ...made);
  }

  /** @param isReachable whether the daemon answers */
  update(status: ProjectionStatus, isReachable: boolean): void {
    this.#status = status;
    this.#isReachable = isReachable;
    for (const [command, one] of this.#buttons) {
      set(one, {
        'aria-disabled': String(this.#obstacle(command) !== null),
        'aria-busy': String(this.#running === command),
        title: this.#obstacle(command) ?? '',
      });
    }
  }

  /** Why a command cannot be sent now; null if it can. */
  #obstacle(command: OperatorEvent): string | null {
    const status = this.#status;
    if (status === null || !this.#isReachable) return 'The daemon does not answer.';
    if (this.#running !== null) return `${this.#running} is under way.`;
    const { state, substate, failure, name } = status;
    if (command === 'SKIP' && failure?.eventId === null)
      return 'No single event is at fault, so there is none to skip.';
    if (accepts(projectionChart(), substate, operatorCommand(command).machineEvent)) return null;
    const detail = substateOf(status);
    return `${command} does nothing while ${name} is ${state}${detail === '' ? '' : ` (${detail})`}.`;
  }

  async #use(command: OperatorEvent): Promise<void> {
    const { announcer, maySend, askForToken } = this.#options;
    const [status, obstacle] = [this.#status, this.#obstacle(command)];
    if (status === null || obstacle !== null) return announcer.announce('refused', obstacle ?? 'Not yet.');
    if (!maySend()) return askForToken();
    const { dialog, fields = [] } = operatorCommand(command);
    const decision = await askFor(dialog(status), { needsReason: fields.includes('reason') });
    if (decision === null) return;
    const position = status.failure?.position;
    await this.#send(command, status, {
      ...(fields.includes('position') && position !== undefined && { position }),
      ...(decision.reason !== null && { reason: decision.reason }),
    });
  }

  async #send(
    command: OperatorEvent,
    status: ProjectionStatus,
    fields: { position?: string; reason?: string },
  ): Promise<void> {
    const { client, announcer, askForToken, onDone } = this.#options;
    this.#running = command;
    this.update(status, this.#isReachable);
    const what = `${command} of ${status.name}${fields.position === undefined ? '' : ` at ${grouped(fields.position)}`}`;
    try {
      const { state, warning } = await client.send(status.name, command, fields);
      const failure = state === 'failed' ? (await client.projection(status.name)).failure : null;
      // The command was executed, but its attempt at the event failed again.
      if (failure !== null) announcer.announce('refused', `${what}: it failed again. ${failure.error}`);
      else announcer.announce('done', `${what}: done${state === undefined ? '' : `, it is ${state}`}.`);
      if (warning !== undefined && warning !== null) announcer.announce('refused', warning);
    } catch (error) {
      announcer.announce('refused', `${what}: ${error instanceof Error ? error.message : String(error)}`);
      if (error instanceof RefusedError && error.status === 401) askForToken();
    } finally {
      this.#running = null;
      this.update(this.#status ?? status, this.#isReachable);
      onDone();
    }
  }
}
