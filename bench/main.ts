import { writeFile } from 'node:fs/promises';
import type { Part } from './figures.ts';
import { inspectPart } from './inspect-part.ts';
import { describeLoad, describeMachine } from './machine.ts';
import { type Options, type PartName, parseOptions, USAGE } from './options.ts';
import { othersPart } from './others.ts';
import { paintPart } from './paint-part.ts';
import {
  appendPart,
  bandPart,
  dancefinderPart,
  floodPart,
  idlePart,
  idleTrafficPart,
  latencyPart,
  publishPart,
  type Scale,
} from './parts.ts';
import { pushPart } from './push-part.ts';
import { partTable, results } from './report.ts';
import { type BenchServer, startServer } from './server.ts';

const RESULTS = 'bench/RESULTS.md';
const MILLION = 1_000_000;

type Measure = (server: BenchServer, scale: Scale) => Promise<Part>;

function plan({ events, rounds, parts, full }: Options): readonly (() => [Measure, Scale])[] {
  const log = (line: string): void => console.error(line);
  const scale = { events, rounds, log };
  const jobs: Record<PartName, readonly (() => [Measure, Scale])[]> = {
    band: [
      () => [bandPart, scale],
      ...(full ? [(): [Measure, Scale] => [bandPart, { ...scale, events: MILLION }]] : []),
    ],
    others: [() => [full ? (server, at) => othersPart(server, at, 50) : (server, at) => othersPart(server, at), scale]],
    dancefinder: [() => [dancefinderPart, { ...scale, events: Math.floor(events / 2) }]],
    latency: [() => [latencyPart, scale]],
    append: [() => [appendPart, scale]],
    idle: [() => [idlePart, scale]],
    'idle-traffic': [() => [idleTrafficPart, scale]],
    publish: [() => [publishPart, scale]],
    push: [() => [pushPart, scale]],
    flood: [() => [floodPart, scale]],
    inspect: [() => [inspectPart, scale]],
    paint: [() => [paintPart, scale]],
  };
  return parts.flatMap((name) => jobs[name]);
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  const loadBefore = describeLoad();
  await using server = await startServer(process.env['BENCH_DATABASE_URL']);
  const machine = await describeMachine(server.admin);
  const done: Part[] = [];
  for (const job of plan(options)) {
    const [measure, scale] = job();
    const part = await measure(server, scale);
    done.push(part);
    console.log(partTable(part));
  }
  const facts = [...machine, `load average ${loadBefore} before, ${describeLoad()} after`];
  console.log(facts.join('\n'));
  if (!options.write) return;
  await writeFile(RESULTS, results(facts, ['npm run bench --', ...args].join(' '), done));
  console.log(`written to ${RESULTS}`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Error)) throw error;
  const usage = 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  console.error(usage || error.message.startsWith('--') ? `${error.message}\n${USAGE}` : error.stack);
  process.exitCode = usage ? 2 : 1;
}
