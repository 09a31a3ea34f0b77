import { type Band, type Draft, draft, type World } from './world.ts';

export function newBand(world: World): Draft {
  const stream: Band = {
    aggregateId: world.newId(),
    length: 0,
    name: undefined,
    nameIsShared: false,
    everIgnored: false,
  };
  world.bands.add(stream);
  return call(stream, world.newBandName(), false);
}

/** A new band is created with a name that another band has, or had. */
export function takenOverName(world: World): Draft {
  const free = world.random.chance(0.5) ? world.freeNames.take(world.random) : undefined;
  const former = free === undefined ? world.bands.some(world.random, (band) => mayLoseName(world, band)) : undefined;
  const name = free ?? former?.name;
  if (name === undefined) return newBand(world);
  if (former !== undefined) former.name = undefined;
  const stream: Band = { aggregateId: world.newId(), length: 0, name, nameIsShared: true, everIgnored: false };
  world.bands.add(stream);
  return call(stream, name, true);
}

/** A band is created again with a new name, also one whose name another band took. */
export function renamedBand(world: World): Draft {
  const band = world.bands.some(world.random, (it) => it.name === undefined || mayLoseName(world, it));
  if (band === undefined) return newBand(world);
  if (band.name !== undefined) world.freeNames.add(band.name);
  return call(band, world.newBandName(), false);
}

/** The same band with the same name once more, as when a command is sent twice. */
export function repeatedBand(world: World): Draft {
  const band = world.bands.some(world.random, (it) => it.name !== undefined);
  return band?.name === undefined ? newBand(world) : call(band, band.name, band.nameIsShared);
}

function call(band: Band, name: string, shared: boolean): Draft {
  band.name = name;
  band.nameIsShared = shared;
  return draft(band, 'BandCreated', { name });
}

function mayLoseName(world: World, band: Band): boolean {
  return band.name !== undefined && (world.reuseIgnoredNames || !band.everIgnored);
}
