import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrayLiteral } from '../../src/postgres/parameters.ts';
import { resultTypes } from '../../src/postgres/result-types.ts';

const TEXT_ARRAY = 1009;
const parse = (literal: string): unknown => resultTypes.getTypeParser(TEXT_ARRAY)(literal);

// Seen red with: texts with a quote or a backslash joined without escapes; an empty list written like a list of one empty text.
test('the array literal of any texts, NULL included, is read back as the same array', () => {
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
test('a lone surrogate in an array is refused, also among texts that need no escape', () => {
  expect(() => arrayLiteral(['a', 'half \ud83c'])).toThrow('lone surrogate');
  expect(() => arrayLiteral(['half \ud83c', null])).toThrow('lone surrogate');
});
