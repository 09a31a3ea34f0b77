export { packageVersion } from '../daemon/version.ts';
