import { newBand } from './bands.ts';
import { anyChoice, strayRemoval } from './choices.ts';
import { subject } from './names.ts';
import type { Draft, User, World } from './world.ts';

/** The most preferences of one dancer; from there on preferences are only removed. */
const KEPT_AT_MOST = 24;

/** A dancer adds a preference, adds one again, removes one, or removes one that does not exist. */
export function preference(world: World): Draft {
  const { random } = world;
  const user = (random.chance(0.08) ? undefined : world.users.some(random)) ?? newUser(world);
  const done = random.below(100);
  if (done < 4 && user.kept.length > 0) return strayRemoval(world, user) ?? newBand(world);
  if (done < 10) return addedAgain(world, user) ?? newBand(world);
  if (done < 42 || user.kept.length >= KEPT_AT_MOST) return takenBack(world, user) ?? added(world, user);
  return added(world, user);
}

function newUser(world: World): User {
  const aggregateId = world.newId();
  const user: User = { aggregateId, length: 0, subject: subject(aggregateId), kept: [] };
  world.users.add(user);
  return user;
}

function added(world: World, user: User): Draft {
  const choice = anyChoice(world, user);
  const event = choice?.add();
  if (choice === undefined || event === undefined) return newBand(world);
  user.kept.push(choice);
  return event;
}

function addedAgain(world: World, user: User): Draft | undefined {
  return user.kept.length === 0 ? undefined : world.random.pick(user.kept).add();
}

function takenBack(world: World, user: User): Draft | undefined {
  const index = world.random.below(user.kept.length);
  const choice = user.kept[index];
  // One in ten is removed twice.
  if (choice !== undefined && !world.random.chance(0.1)) user.kept.splice(index, 1);
  return choice?.remove();
}
