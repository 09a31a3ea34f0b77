import type { ProjectionStatus } from '../core/status.ts';
import { Announcer } from './announcer.ts';
import { createClient } from './daemon-client.ts';
import { make } from './element.ts';
import { keyOf } from './fleet.ts';
import { Header } from './header.ts';
import type { Step } from './inspection.ts';
import { InspectionSocket } from './inspection-socket.ts';
import { ListView } from './list/list-view.ts';
import { Polling, type PollResult } from './polling.ts';
import { ProjectionView } from './projection/projection-view.ts';
import { Samples } from './samples.ts';
import { Token } from './token.ts';

/** For the rows of the first answer to be painted. */
const ROWS_FIRST_MS = 50;

const token = new Token();
const client = createClient(() => token.value);
const announcer = new Announcer();
const samples = new Samples();
const header = new Header({
  token,
  accepts: (given) => client.accepts(given),
  onChange: () => {
    polling.soon();
    socket.renew();
  },
});
const place = make('div', { id: 'place' });

let poll: PollResult = { fleet: null, about: null, at: 0, databaseError: null };
let before: ReadonlyMap<string, ProjectionStatus> = new Map();
let view: ListView | ProjectionView = open();

const skip = make('a', { class: 'skip', href: '#main' }, 'Skip to content');
skip.addEventListener('click', (event) => {
  // The address of the page is after the hash: going to #main would leave it.
  event.preventDefault();
  view.element.focus();
});
document.body.replaceChildren(skip, header.element, header.worries, header.banner, place, announcer.element);
show();

const socket = new InspectionSocket(() => token.value, took);
const polling = new Polling(client, looked);
polling.start();
addEventListener('hashchange', () => {
  if (view instanceof ProjectionView) view.close();
  view = open();
  show();
  // As after any link: a screen reader starts to read here.
  view.element.focus();
  scrollTo(0, 0);
});

function open(): ListView | ProjectionView {
  const key = decode(location.hash.replace(/^#\/?/, ''));
  if (key === '') return new ListView();
  return new ProjectionView({
    key,
    client,
    announcer,
    samples,
    mayOrder: () => token.value !== null,
    askForToken: () => header.tokenForm.ask(),
    onDone: () => polling.soon(),
    stateNow: (name) => socket.stateOf(name),
  });
}

function show(): void {
  place.replaceChildren(view.element);
  document.title = `${view.title} · Projectionist`;
  view.update(poll);
}

function looked(now: PollResult): void {
  const isNew = now.databaseError === null;
  // The first answer, or one after trouble: another daemon may be at this address.
  if (isNew && (poll.fleet === null || poll.databaseError !== null)) void header.tokenForm.check();
  poll = now;
  document.body.classList.toggle('stale', !isNew && now.fleet !== null);
  header.update(now);
  if (isNew) note(now);
  view.update(now);
  // After the rows: it begins with the chart of every projection, which would come between them and the screen.
  if (isNew) setTimeout(() => socket.open(), ROWS_FIRST_MS);
}

/** Keeps a sample of each projection, and tells what has changed where nobody else does. */
function note({ fleet, at }: PollResult): void {
  const statuses = new Map(fleet?.projections.map((status) => [keyOf(status), status]));
  for (const [key, { name, substate, lagEvents, ratePerSecond }] of statuses) {
    samples.add(key, at / 1000, lagEvents, ratePerSecond);
    const from = before.get(key)?.substate ?? substate;
    if (from !== substate && socket.stateOf(name) === null) took({ name, from, to: substate, cause: null, at });
  }
  samples.keep(new Set(statuses.keys()));
  before = statuses;
}

function took(step: Step): void {
  if (view instanceof ProjectionView) view.step(step);
  const [from, to] = [step.from, step.to].map((path) => path.split('.')[0]);
  if (from !== to && step.cause !== null) polling.soon();
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
