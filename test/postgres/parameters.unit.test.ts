import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrayLiteral } from '../../src/postgres/parameters.ts';
import { resultTypes } from '../../src/postgres/result-types.ts';

const TEXT_ARRAY = 1009;
const parse = (literal: string): unknown => resultTypes.getTypeParser(TEXT_ARRAY)(literal);

// Seen red with: texts that hold a quote or a backslash joined as they are; a list of none taken for one of an empty text.
test('whatever texts a list holds, NULL among them, its literal is read back as the same list', () => {
  const odd = fc.constantFrom('', '"', '\\', ',', '{', '}', 'NULL', 'null', ' ', 'Åströms 🎻', 'a"b\\c');
  const texts = fc.array(fc.option(fc.oneof(odd, fc.string({ unit: 'grapheme' }))));
  fc.assert(
    fc.property(texts, (values) => {
      expect(parse(arrayLiteral(values))).toEqual(values);
    }),
    { seed: 1, numRuns: 500 },
  );
});

// Seen red with: `isWellFormed` left out of `isPlain`.
test('half a character in a list is refused, also where all else could be joined', () => {
  expect(() => arrayLiteral(['a', 'half \ud83c'])).toThrow('lone surrogate');
  expect(() => arrayLiteral(['half \ud83c', null])).toThrow('lone surrogate');
});
