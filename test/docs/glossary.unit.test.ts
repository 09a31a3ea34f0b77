import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { REMAINING } from './given-up-words.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Words that were given up, and what is written instead; docs/glossary.md has the words of the field. */
const GIVEN_UP: readonly (readonly [word: string, pattern: RegExp, instead: string])[] = [
  ['whoever', /\bwhoever\b/gi, 'the noun of the actor'],
  ['nobody', /\bnobody\b/gi, 'no client, no daemon, no handler …'],
  ['somebody', /\bsomebody\b/gi, 'the noun of the actor'],
  ['tell', /\b(?:tells?|told)\b/gi, 'notify, report, say, write'],
  ['heard', /\bheard\b/gi, 'received, observed'],
  ['safe head', /\bsafe heads?\b/gi, 'high-water mark'],
  ['hands', /\bhands\b/gi, 'operations; "passes" for the verb'],
  ['pull', /\b(?:pulls?|pulled|pulling|pullers?)\b/gi, 'run, projection runner'],
  ['desk', /\bdesks?\b/gi, 'command inbox, failure service'],
  ['keeper', /\bkeepers?\b/gi, 'publisher supervisor'],
  ['outlet', /\boutlets?\b/gi, 'publishing channel'],
  ['farewell', /\bfarewell\b/gi, 'shutdown'],
  ['culprit', /\bculprits?\b/gi, 'handler origin'],
  ['caution', /\bcaution\b/gi, 'crash-loop guard'],
  ['neighbours', /\bneighbou?rs?\b/gi, 'surrounding events'],
  ['lent', /\blent\b/gi, 'guarded'],
  ['standings', /\bstandings\b/gi, 'state summaries'],
  ['bell', /\bbells?\b/gi, 'wake signal'],
  ['audience', /\baudience\b/gi, 'subscribers'],
];

/** Texts by others, quoted: the seeds' sentences, and what was released under the old words. */
const QUOTES = new Set([
  'CHANGELOG.md',
  'docs/scenarios.md',
  'test/docs/glossary.unit.test.ts',
  'test/docs/given-up-words.ts',
]);

function filesOfText(): readonly string[] {
  const args = [
    'ls-files',
    '--cached',
    '--others',
    '--exclude-standard',
    '--',
    '*.ts',
    '*.mjs',
    '*.sql',
    '*.md',
    '*.html',
  ];
  const files = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim().split('\n');
  return files.filter((file) => existsSync(join(root, file)) && !QUOTES.has(file));
}

/** Identifiers in their words: `readSafeHead` and `safe_head` hold `safe head`. */
function inWords(text: string): string {
  return text.replaceAll(/([a-z\d])([A-Z])/g, '$1 $2').replaceAll('_', ' ');
}

function givenUpIn(text: string): readonly string[] {
  const words = inWords(text);
  return GIVEN_UP.flatMap(([word, pattern]) => Array.from(words.matchAll(pattern), () => word));
}

// Seen red with: a comment that says whoever; an identifier `safeHead`.
test('no file uses a word that was given up more often than the list of what remains allows', () => {
  const found = filesOfText().map((file) => [file, givenUpIn(readFileSync(join(root, file), 'utf8'))] as const);
  const more = found
    .filter(([file, words]) => words.length > (REMAINING[file] ?? 0))
    .map(([file, words]) => `${file}: ${words.length} of ${REMAINING[file] ?? 0}: ${[...new Set(words)].join(', ')}`);
  expect(more).toEqual([]);
});

test('the list of what remains can only shrink: it names no file that uses fewer', () => {
  const fewer = Object.entries(REMAINING).filter(
    ([file, count]) =>
      !existsSync(join(root, file)) || givenUpIn(readFileSync(join(root, file), 'utf8')).length < count,
  );
  expect(fewer.map(([file]) => file)).toEqual([]);
});

test.each(GIVEN_UP)('%s is found in prose and in identifiers, and has something instead', (word, pattern, instead) => {
  const [first = '', ...rest] = word.split(' ');
  const identifier = `x${[first, ...rest].map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join('')}Y`;
  expect(givenUpIn(`what ${word} means`)).toEqual([word]);
  expect(givenUpIn(identifier)).toEqual([word]);
  expect(instead).not.toMatch(new RegExp(pattern.source, 'i'));
});
