import { types } from 'pg';
import { parseJson, parseJsonb } from './json.ts';

type Parse = (text: string) => unknown;

/** Parsers by the type's oid. Other types stay text, times included: a Date would lose their microseconds. */
const SCALARS = new Map<number, Parse>([
  [16, (text) => text === 't'], // bool
  [20, BigInt], // int8
  [21, Number], // int2
  [23, Number], // int4
  [26, Number], // oid
  [700, Number], // float4
  [701, Number], // float8
  [114, parseJson], // json
  [3802, parseJsonb], // jsonb
]);

/** Array types by oid, with the oid of their elements. */
const ARRAYS: readonly (readonly [array: number, element: number])[] = [
  [1000, 16],
  [1016, 20],
  [1005, 21],
  [1007, 23],
  [1028, 26],
  [1021, 700],
  [1022, 701],
  [199, 114],
  [3807, 3802],
  [1002, 18], // char
  [1003, 19], // name
  [1009, 25], // text
  [1014, 1042], // bpchar
  [1015, 1043], // varchar
  [1182, 1082], // date
  [1115, 1114], // timestamp
  [1185, 1184], // timestamptz
  [1231, 1700], // numeric
  [2951, 2950], // uuid
];

/** The driver's parser of text[] (1009), which splits an array literal of any type. */
const parseArray: Parse = types.getTypeParser(1009 as Parameters<typeof types.getTypeParser>[0]);
const asText: Parse = (text) => text;
const PARSERS = new Map<number, Parse>([
  ...SCALARS,
  ...ARRAYS.map(([array, element]): readonly [number, Parse] => {
    const parse = SCALARS.get(element) ?? asText;
    return [array, (text) => eachElement(parseArray(text), parse)];
  }),
]);

/** The parsers for the driver: bigint for int8, JSON with exact numbers, text for types without a parser. */
export const resultTypes = { getTypeParser: (oid: number): Parse => PARSERS.get(oid) ?? asText };

function eachElement(value: unknown, parse: Parse): unknown {
  if (Array.isArray(value)) return value.map((part) => eachElement(part, parse));
  return typeof value === 'string' ? parse(value) : null;
}
