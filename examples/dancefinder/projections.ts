import type { Projection } from '../../src/index.ts';
import { band } from './projections/band.ts';
import { dancehall } from './projections/dancehall.ts';
import { event } from './projections/event.ts';
import { userpreferences } from './projections/userpreferences.ts';

/** Every projection of DanceFinder. Each runs, fails, is reset and catches up independently. */
export const projections: readonly Projection[] = [band, dancehall, event, userpreferences];
