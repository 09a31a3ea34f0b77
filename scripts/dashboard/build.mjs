// Bundles the dashboard for the browser, with the picture of the machine as this build has it. The names of the files hold
// a hash of their content, so that they can be cached for good; index.html names them.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { build } from 'esbuild';
import * as walk from '../../dist/machines/arrows.js';
import { projectionMachine } from '../../dist/machines/projection.js';
import { COMMAND_EVENTS } from '../../dist/src/core/operator-commands/command-definition.js';
import { layOut } from './statechart.mjs';

const FROM = 'src/dashboard';
const TO = 'dist/src/dashboard/assets';

export async function buildDashboard() {
  rmSync(TO, { recursive: true, force: true });
  mkdirSync(TO, { recursive: true });
  const { metafile } = await build({
    entryPoints: { dashboard: `${FROM}/main.ts`, style: `${FROM}/styles/all.css`, icon: `${FROM}/icon.svg` },
    outdir: TO,
    entryNames: '[name]-[hash]',
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    loader: { '.svg': 'copy' },
    legalComments: 'eof',
    metafile: true,
    logLevel: 'warning',
    define: { PROJECTION_CHART: JSON.stringify(await layOut(projectionMachine, walk, Object.keys(COMMAND_EVENTS))) },
  });
  const names = Object.keys(metafile.outputs).map((path) => basename(path));
  const page = readFileSync(`${FROM}/page.html`, 'utf8').replaceAll(/\{(\w+)\.(\w+)\}/g, (_, name, extension) => {
    const file = names.find((one) => one.startsWith(`${name}-`) && one.endsWith(`.${extension}`));
    if (file === undefined) throw new Error(`the page names ${name}.${extension}, which the build has not made`);
    return `/assets/${file}`;
  });
  writeFileSync(`${TO}/index.html`, page);
}
