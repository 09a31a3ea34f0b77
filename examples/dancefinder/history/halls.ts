import type { Place } from '../places.ts';
import { hallName } from './names.ts';
import { type Draft, draft, type Hall, type Stream, type World } from './world.ts';

export function newHall(world: World): Draft {
  const place = world.newPlace();
  const stream: Hall = { aggregateId: world.newId(), length: 0, place, geocoded: false };
  world.halls.add(stream);
  return describe(world, stream);
}

/** The same hall with another name. It keeps its coordinates. */
export function renamedHall(world: World): Draft {
  const hall = world.halls.some(world.random);
  return hall === undefined ? newHall(world) : describe(world, hall);
}

/** Coordinates arrive late, sometimes twice, and sometimes for a hall that was never created. */
export function geocodedHall(world: World): Draft {
  const { random } = world;
  if (random.chance(0.02)) return located(world, { aggregateId: world.newId(), length: 0 }, world.newPlace());
  const again = random.chance(0.1);
  const hall = world.halls.some(random, (it) => again || !it.geocoded);
  if (hall === undefined) return newHall(world);
  hall.geocoded = true;
  return located(world, hall, hall.place);
}

/** A point in the town, within two hundredths of a degree. */
function located({ random }: World, hall: Stream, place: Place): Draft {
  const near = (degrees: number) => Math.round((degrees + (random.below(2001) - 1000) / 50_000) * 1e5) / 1e5;
  return draft(hall, 'DanceHallGeocoded', {
    latitude: near(place.latitude),
    longitude: near(place.longitude),
  });
}

function describe(world: World, hall: Hall): Draft {
  const { town, municipality, state } = hall.place;
  return draft(hall, 'DanceHallCreated', { name: hallName(world.random, hall.place), city: town, municipality, state });
}
