import { events } from '../examples/dancefinder/events.ts';
import { band as uncheckedBand } from '../examples/dancefinder/projections/band.ts';
import { projections as unchecked } from '../examples/dancefinder/projections.ts';
import { type Projection, withEvents } from '../src/index.ts';

/** The projections as `npm start` runs them, with checked payloads. */
export const band: Projection = withEvents(uncheckedBand, events);
export const projections: readonly Projection[] = unchecked.map((projection) => withEvents(projection, events));
