import { type Choice, type Draft, draft, type User, type World } from './world.ts';

const ORIGINS = ['Hemma', 'Jobbet', 'Sommarstugan', 'Hos mor & far', 'Husvagnen "Rullan"'];

export function anyChoice(world: World, user: User): Choice | undefined {
  switch (world.random.below(6)) {
    case 0:
      return origin(world, user, world.newId());
    case 1:
      return band(world, user);
    case 2:
      return hall(world, user);
    case 3:
      return city(world, user);
    case 4:
      return municipality(world, user);
    default:
      return state(world, user);
  }
}

/** Removes a preference of another dancer, or one that does not exist, which must change nothing. */
export function strayRemoval(world: World, user: User): Draft | undefined {
  const { random } = world;
  if (random.chance(0.2)) return draft(user, 'BandUnignored', { subject: user.subject, bandName: 'Okända Öden' });
  const others = random.chance(0.3) ? world.originIds.some(random) : undefined;
  const choice = others === undefined ? anyChoice(world, user) : origin(world, user, others);
  return choice?.remove();
}

function origin(world: World, user: User, originId: string): Choice {
  const { subject } = user;
  return {
    add: () => {
      world.originIds.add(originId);
      const { latitude, longitude } = world.newPlace();
      return draft(user, 'OriginAdded', { subject, originId, name: world.random.pick(ORIGINS), latitude, longitude });
    },
    remove: () => draft(user, 'OriginRemoved', { subject, originId }),
  };
}

/**
 * Only a band whose name no other band ever has: the projections run concurrently, so the look-up may read the table
 * `band` at an earlier or later position, and must find the same id.
 */
function band(world: World, user: User): Choice | undefined {
  const { subject } = user;
  const chosen = world.bands.some(
    world.random,
    (it) => it.name !== undefined && (world.reuseIgnoredNames || !it.nameIsShared),
  );
  if (chosen?.name === undefined) return undefined;
  let bandName = chosen.name;
  return {
    add: () => {
      if (chosen.name === undefined) return undefined;
      bandName = chosen.name;
      chosen.everIgnored = true;
      return draft(user, 'BandIgnored', { subject, bandName });
    },
    remove: () => draft(user, 'BandUnignored', { subject, bandName }),
  };
}

function hall(world: World, user: User): Choice | undefined {
  const { subject } = user;
  const danceHallId = world.halls.some(world.random)?.aggregateId;
  if (danceHallId === undefined) return undefined;
  return {
    add: () => draft(user, 'DanceHallIgnored', { subject, danceHallId }),
    remove: () => draft(user, 'DanceHallUnignored', { subject, danceHallId }),
  };
}

function city({ newPlace }: World, user: User): Choice {
  const chosen = { subject: user.subject, city: newPlace().town };
  return {
    add: () => draft(user, 'CityIgnored', chosen),
    remove: () => draft(user, 'CityUnignored', chosen),
  };
}

function municipality({ newPlace }: World, user: User): Choice {
  const chosen = { subject: user.subject, municipality: newPlace().municipality };
  return {
    add: () => draft(user, 'MunicipalityIgnored', chosen),
    remove: () => draft(user, 'MunicipalityUnignored', chosen),
  };
}

function state({ newPlace }: World, user: User): Choice {
  const chosen = { subject: user.subject, state: newPlace().state };
  return {
    add: () => draft(user, 'StateIgnored', chosen),
    remove: () => draft(user, 'StateUnignored', chosen),
  };
}
