import { newBand } from './bands.ts';
import type { Draft, World } from './world.ts';

/** Event types that no projection handles. They move the positions and change no row. */
export function unhandled(world: World): Draft {
  const { random } = world;
  const band = random.chance(0.5) ? world.bands.some(random) : undefined;
  if (band !== undefined) {
    const payload = { url: `https://dancefinder.example/photos/${world.newId()}.jpg`, width: 1200, height: 800 };
    return { stream: band, aggregateName: 'domain.Band', name: 'BandPhotoAdded', payload };
  }
  const hall = random.chance(0.5) ? world.halls.some(random) : undefined;
  if (hall !== undefined) {
    const payload = { floor: 1 + random.below(5), coffee: 1 + random.below(5) };
    return { stream: hall, aggregateName: 'domain.DanceHall', name: 'DanceHallRated', payload };
  }
  const dance = world.dances.some(random);
  if (dance === undefined) return newBand(world);
  return { stream: dance, aggregateName: 'domain.Event', name: 'EventShared', payload: { by: random.below(1000) } };
}
