export { packageVersion } from '../engine/version.ts';
