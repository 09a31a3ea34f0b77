import type { EventCreated, EventUpdated } from '../events.ts';
import { newBand } from './bands.ts';
import { newHall } from './halls.ts';
import { note, timeText } from './names.ts';
import type { Random } from './random.ts';
import { type Dance, type Draft, draft, type World } from './world.ts';

export function newDance(world: World): Draft {
  return announce(world, () => {
    const stream: Dance = { aggregateId: world.newId(), length: 0, deleted: false };
    world.dances.add(stream);
    return stream;
  });
}

/** An earlier dance, deleted or not, is created again with its old id. */
export function repeatedDance(world: World): Draft {
  const dance = world.dances.some(world.random);
  return dance === undefined ? newDance(world) : announce(world, () => dance);
}

/** Updates some of the fields, sometimes none. Some updates follow the deletion, or concern a dance that was never created. */
export function updatedDance(world: World): Draft {
  const late = world.random.chance(0.04);
  const dance = world.dances.some(world.random, (it) => late || !it.deleted);
  if (dance === undefined && world.dances.size === 0) return newDance(world);
  const stray = dance === undefined || world.random.chance(0.01);
  return draft(stray ? stranger(world) : dance, 'EventUpdated', changes(world));
}

export function deletedDance(world: World): Draft {
  const twice = world.random.chance(0.04);
  const dance = world.dances.some(world.random, (it) => twice || !it.deleted);
  if (dance === undefined && world.dances.size === 0) return newDance(world);
  if (dance === undefined || world.random.chance(0.02)) return draft(stranger(world), 'EventDeleted', {});
  dance.deleted = true;
  return draft(dance, 'EventDeleted', {});
}

function announce(world: World, stream: () => Dance): Draft {
  const { random } = world;
  const band = world.bands.some(random);
  if (band === undefined) return newBand(world);
  const hall = world.halls.some(random);
  if (hall === undefined) return newHall(world);
  const dance = stream();
  dance.deleted = false;
  return draft(dance, 'EventCreated', {
    date: evening(world),
    bandId: band.aggregateId,
    danceHallId: hall.aggregateId,
    ...(random.chance(0.7) && { timeText: timeText(random) }),
    ...(random.chance(0.3) && { extraInfo: note(random) }),
  } satisfies EventCreated);
}

function changes(world: World): EventUpdated {
  const { random } = world;
  const band = random.chance(0.15) ? world.bands.some(random) : undefined;
  const hall = random.chance(0.15) ? world.halls.some(random) : undefined;
  return {
    ...(random.chance(0.3) && { date: evening(world) }),
    ...(band && { bandId: band.aggregateId }),
    ...(hall && { danceHallId: hall.aggregateId }),
    ...(random.chance(0.4) && { timeText: orNothing(random, timeText(random)) }),
    ...(random.chance(0.4) && { extraInfo: orNothing(random, note(random)) }),
  };
}

function orNothing(random: Random, text: string): string | null {
  return random.chance(0.15) ? null : text;
}

function evening(world: World): string {
  return world.clock.day(3 + world.random.below(120));
}

function stranger(world: World): Dance {
  return { aggregateId: world.newId(), length: 0, deleted: true };
}
