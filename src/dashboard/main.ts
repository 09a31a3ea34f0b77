import { percentDecoded } from '../core/percent-encoding.ts';
import type { ProjectionStatus } from '../core/status.ts';
import { Announcer } from './announcer.ts';
import { createClient } from './daemon-client.ts';
import { make } from './element.ts';
import { keyOf } from './fleet.ts';
import { Header } from './header.ts';
import type { ActorTransition } from './inspection.ts';
import { InspectionSocket } from './inspection-socket.ts';
import { ListView } from './list/list-view.ts';
import { Polling, type PollResult } from './polling.ts';
import { ProjectionView } from './projection/projection-view.ts';
import { Samples } from './samples.ts';
import { Token } from './token.ts';

/** Gives the browser time to paint the rows of the first answer. */
const ROWS_FIRST_MS = 50;

const token = new Token();
const client = createClient(() => token.value);
const announcer = new Announcer();
const samples = new Samples();
const header = new Header({
  token,
  accepts: (token) => client.acceptsToken(token),
  onChange: () => {
    polling.soon();
    socket.renew();
  },
});
const viewFrame = make('div', { id: 'view' });

let poll: PollResult = { fleet: null, about: null, at: 0, unreachable: null };
let previous: ReadonlyMap<string, ProjectionStatus> = new Map();
let view: ListView | ProjectionView = open();

const skip = make('a', { class: 'skip', href: '#main' }, 'Skip to content');
skip.addEventListener('click', (event) => {
  // The hash holds the route of the page: following the link to #main would leave that route.
  event.preventDefault();
  view.element.focus();
});
document.body.replaceChildren(skip, header.element, header.warnings, header.banner, viewFrame, announcer.element);
show();

const socket = new InspectionSocket(() => token.value, onTransition);
const polling = new Polling(client, onPoll);
polling.start();
addEventListener('hashchange', () => {
  if (view instanceof ProjectionView) view.close();
  view = open();
  show();
  // As after any link, a screen reader starts to read at the new content.
  view.element.focus();
  scrollTo(0, 0);
});

function open(): ListView | ProjectionView {
  const key = percentDecoded(location.hash.replace(/^#\/?/, ''));
  if (key === '') return new ListView();
  return new ProjectionView({
    key,
    client,
    announcer,
    samples,
    maySend: () => token.value !== null,
    askForToken: () => header.tokenForm.ask(),
    onDone: () => polling.soon(),
    liveState: (name) => socket.stateOf(name),
  });
}

function show(): void {
  viewFrame.replaceChildren(view.element);
  document.title = `${view.title} · Projectionist`;
  view.update(poll);
}

function onPoll(now: PollResult): void {
  const answered = now.unreachable === null;
  // After the first answer, and after an outage: another daemon may have taken this address, with another token.
  if (answered && (poll.fleet === null || poll.unreachable !== null)) void header.tokenForm.check();
  poll = now;
  document.body.classList.toggle('stale', !answered && now.fleet !== null);
  header.update(now);
  if (answered) recordSamples(now);
  view.update(now);
  // After the rows: the socket begins with the definition of every machine, which would delay the first paint.
  if (answered) setTimeout(() => socket.open(), ROWS_FIRST_MS);
}

/** Adds a sample for each projection. Reports a change of state that the inspector does not report. */
function recordSamples({ fleet, at }: PollResult): void {
  const statuses = new Map(fleet?.projections.map((status) => [keyOf(status), status]));
  for (const [key, { name, substate, lagEvents, ratePerSecond }] of statuses) {
    samples.add(key, at / 1000, lagEvents, ratePerSecond);
    const from = previous.get(key)?.substate ?? substate;
    if (from !== substate && socket.stateOf(name) === null) onTransition({ name, from, to: substate, cause: null, at });
  }
  samples.retain(new Set(statuses.keys()));
  previous = statuses;
}

function onTransition(transition: ActorTransition): void {
  if (view instanceof ProjectionView) view.showTransition(transition);
  const [from, to] = [transition.from, transition.to].map((path) => path.split('.')[0]);
  if (from !== to && transition.cause !== null) polling.soon();
}
