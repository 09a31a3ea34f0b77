import { PLACES, type Place } from '../places.ts';
import type { Random } from './random.ts';

const FIRST =
  'Lasse Kjell Göran Åsa Björn Märta Sölve Östen Gun-Britt Tage Ragnhild Börje Ulla Sven-Åke Håkan Ingegärd'.split(' ');
const LAST = (
  'Ekvall Åström Lövgren Hällberg Sjödal Rönnberg Björkman Östlund Kvarnström Älvelind ' +
  'Hedenby Granö Tallkvist Vinterdal Nordfors Lingonberg Strandh Fjällmark Ängsholm Sandelid'
).split(' ');
const BAND_FORMS: readonly ((first: string, last: string) => string)[] = [
  (first, last) => `${first} ${last}s`,
  (first, last) => `${first} ${last}s orkester`,
  (first, last) => `${last}kvintetten med ${first}`,
  (first, last) => `${first} "Dansglad" ${last}`,
  (first, last) => `${first} & ${last}arna`,
  (first, last) => `${first} O'${last}`,
  (first, last) => `🎶 ${first} ${last}`,
];
const HALL_FORMS: readonly ((town: string) => string)[] = [
  (town) => `${town} Folkets park`,
  (town) => `Folkets hus, ${town}`,
  (town) => `Dansbanan i ${town}`,
  (town) => `Logen "Hökåsen", ${town}`,
  (town) => `${town} Stadshotell`,
  (town) => `Sjöpaviljongen ${town}`,
];
const NOTES = [
  'Buggkurs från 18.00 💃',
  'Förköp hos biblioteket',
  "Damernas kväll: 'fri entré' före 20",
  'Fika ingår, ta med inneskor',
  'Inställt\nNytt datum kommer',
  'Åldersgräns 18 år',
  'Foxtrot, bugg & vals',
  'Parkering vid kyrkan; C:\\skyltad väg',
];
const TIMES = ['18.00–22.00', '19.00–23.00', '20.00–01.00', '14.00–17.00', 'kl. 19', '21:00 - 02:00'];

/** The number of band names without a town. Later names have a town, and then a year, to be unique. */
export const NAMES_PER_SERIES = FIRST.length * LAST.length * BAND_FORMS.length;

/**
 * The n-th band name. No two n give the same name: only the history reuses names, never chance, because the name of an
 * ignored band must stay unambiguous.
 */
export function bandName(n: number): string {
  const series = Math.floor(n / NAMES_PER_SERIES);
  // A step that is coprime with the number of names visits each name once, and consecutive names differ.
  const mixed = ((n % NAMES_PER_SERIES) * 1_009) % NAMES_PER_SERIES;
  const first = at(FIRST, mixed);
  const last = at(LAST, Math.floor(mixed / FIRST.length));
  const form = at(BAND_FORMS, Math.floor(mixed / (FIRST.length * LAST.length)));
  const town = series === 0 ? '' : ` från ${at(PLACES, series).town}`;
  const year = Math.floor(series / PLACES.length);
  return `${form(first, last)}${town}${year === 0 ? '' : ` ${1950 + year}`}`;
}

export function hallName(random: Random, place: Place): string {
  return random.pick(HALL_FORMS)(place.town);
}

export function note(random: Random): string {
  return random.pick(NOTES);
}

export function timeText(random: Random): string {
  return random.pick(TIMES);
}

/** A login as an identity provider gives it, different for each user id. */
export function subject(userId: string): string {
  return `auth0|${userId.replaceAll('-', '').slice(0, 24)}`;
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new RangeError('the list is empty');
  return found;
}
