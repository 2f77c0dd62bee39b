// node check.mjs KILN [--golden FOLDER]: see README.md beside this file.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { loadPly, loadSpz, serializeSpz } from 'spz-js';
import {
  angle, cloud, distance, dotSplat, exact, readPly, spz2, spz3, twice, writePly,
} from './cloud.mjs';

const require = createRequire(import.meta.url);
const validator = require('gltf-validator');
const transform = path.join(import.meta.dirname, 'node_modules/.bin/splat-transform');
const kiln = path.resolve(process.argv[2]);
const golden = process.argv[3] === '--golden' && process.argv[4];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kiln-splats-'));
const at = (name) => path.join(folder, name);
let failures = 0;

function run(program, ...args) {
  execFileSync(program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
}
const byKiln = (...args) => run(kiln, 'convert', ...args);
const byTransform = (...args) => run('node', transform, '-q', '-w', ...args);

function check(title, a, b, degree, allowed) {
  const d = distance(a, b, degree);
  const bad = Object.keys(d).filter((kind) => !(d[kind] <= allowed[kind] * 1.001 + 1e-6));
  failures += bad.length > 0;
  const shown = Object.entries(d).map(([kind, v]) => `${kind} ${v.toPrecision(2)}`).join(' ');
  console.log(`${bad.length ? 'FAIL' : 'ok  '} ${title}: ${shown}`);
}

// The arrays of spz-js as splats. Its rotations are x y z w, its harmonics r g b fastest.
function splatsOf(g, degree) {
  const k = (degree + 1) ** 2 - 1;
  return Array.from({ length: g.numPoints }, (_, i) => {
    const s = { x: g.positions[i * 3], y: g.positions[i * 3 + 1], z: g.positions[i * 3 + 2], opacity: g.alphas[i] };
    for (let c = 0; c < 3; c++) {
      s[`scale_${c}`] = g.scales[i * 3 + c], s[`f_dc_${c}`] = g.colors[i * 3 + c];
      for (let j = 0; j < k; j++) s[`f_rest_${c * k + j}`] = g.sh[(i * k + j) * 3 + c];
    }
    for (let c = 0; c < 4; c++) s[`rot_${c}`] = g.rotations[i * 4 + (c + 3) % 4];
    return s;
  });
}

// The heaviest first, as .splat has them.
function sorted(splats) {
  const weight = (s) => s.scale_0 + s.scale_1 + s.scale_2 - Math.log(1 + Math.exp(-s.opacity));
  return [...splats].sort((a, b) => weight(b) - weight(a));
}

async function othersReadOurs(c, degree) {
  byKiln('in.ply', '-o', 'k.ply');
  byTransform('k.ply', 't.ply');
  check(`splat-transform reads our .ply, degree ${degree}`, c, readPly(at('t.ply')), degree, exact);
  const stream = new Blob([fs.readFileSync(at('k.ply'))]).stream();
  check(`spz-js reads our .ply, degree ${degree}`, c, splatsOf(await loadPly(stream), degree), degree, exact);
  for (const version of [4, 3, 2]) {
    const steps = version === 2 ? spz2 : spz3;
    byKiln('in.ply', '--spz-version', `${version}`, '-o', `k${version}.spz`);
    byTransform(`k${version}.spz`, 't.ply');
    check(`the spz library reads our .spz ${version}, degree ${degree}`, c, readPly(at('t.ply')), degree, steps);
  }
  // Which turns no axes: the numbers have to be those of the .ply.
  byKiln('in.ply', '--axes', 'RDF', '--spz-version', '2', '-o', 'k2.spz');
  const g = await loadSpz(new Uint8Array(fs.readFileSync(at('k2.spz'))));
  check(`spz-js reads our .spz 2, degree ${degree}`, c, splatsOf(g, degree), degree, spz2);
  byKiln('in.ply', '-o', 'k.splat');
  byTransform('k.splat', 't.ply');
  check(`splat-transform reads our .splat, degree ${degree}`, sorted(c), readPly(at('t.ply')), 0, dotSplat);
}

// Unpacked, ours and theirs: the same bytes, but for a few halves that JavaScript rounds the other way
// and for harmonics, which they round twice, by a step.
function compareBytes(ours, theirs, n, degree) {
  const [a, b] = [ours, theirs].map((name) => gunzipSync(fs.readFileSync(at(name))));
  const rest = n * 3 * ((degree + 1) ** 2 - 1), first = a.length - rest;
  let other = a.length === b.length ? 0 : a.length, stepped = 0;
  for (let i = 0; i < Math.min(a.length, b.length); i++)
    if (a[i] !== b[i]) i >= first && Math.abs(a[i] - b[i]) <= 16 ? stepped++ : other++;
  const bad = other > a.length / 4000 || stepped > rest / 10;
  failures += bad;
  console.log(`${bad ? 'FAIL' : 'ok  '} ${ours} beside ${theirs}, degree ${degree}: ` +
    `${other} of ${a.length} bytes differ, and ${stepped} of ${rest} harmonics by a step`);
}

async function weReadTheirs(c, degree) {
  byTransform('in.ply', 't.ply');
  byKiln('t.ply', '-o', 'k.ply');
  check(`we read splat-transform's .ply, degree ${degree}`, c, readPly(at('k.ply')), degree, exact);
  byTransform('--spz-version', '3', 'in.ply', 't.spz');
  byKiln('t.spz', '-o', 'k.ply');
  check(`we read the spz library's .spz 3, degree ${degree}`, c, readPly(at('k.ply')), degree, twice(spz3));
  compareBytes('k3.spz', 't.spz', c.length, degree);
  byTransform('--spz-version', '4', 'in.ply', 't.spz');
  byKiln('t.spz', '-o', 'k.ply');
  check(`we read the spz library's .spz 4, degree ${degree}`, c, readPly(at('k.ply')), degree, twice(spz3));
  const g = await loadPly(new Blob([fs.readFileSync(at('in.ply'))]).stream());
  fs.writeFileSync(at('j.spz'), Buffer.from(await serializeSpz(g)));
  byKiln('j.spz', '--input-axes', 'RDF', '-o', 'k.ply');
  check(`we read spz-js's .spz 2, degree ${degree}`, c, readPly(at('k.ply')), degree, twice(spz2));
  compareBytes('k2.spz', 'j.spz', c.length, degree);
  // PlayCanvas takes .ply for turned by half about z: LDB.
  byTransform('in.ply', 't.glb');
  byKiln('t.glb', '--axes', 'LDB', '-o', 'k.ply');
  check(`we read splat-transform's .glb, degree ${degree}`, c, readPly(at('k.ply')), degree, exact);
}

async function validate(degree) {
  byKiln('in.ply', '-o', 'k.glb');
  const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(at('k.glb'))));
  const codes = {};
  for (const m of report.issues.messages) codes[m.code] = (codes[m.code] ?? 0) + 1;
  // The validator does not know the extension: one attribute error each, and that it says so.
  const known = { MESH_PRIMITIVE_INVALID_ATTRIBUTE: 3 + (degree + 1) ** 2, UNSUPPORTED_EXTENSION: 1 };
  const good = JSON.stringify(Object.entries(codes).sort()) === JSON.stringify(Object.entries(known).sort());
  failures += !good;
  console.log(`${good ? 'ok  ' : 'FAIL'} gltf-validator on our .glb, degree ${degree}: ${JSON.stringify(codes)}`);
}

// Accessors of a GLB as arrays, by the name of their attribute.
function attributes(name) {
  const bytes = fs.readFileSync(at(name)), length = bytes.readUInt32LE(12);
  const json = JSON.parse(bytes.subarray(20, 20 + length)), binary = bytes.subarray(28 + length);
  const found = {};
  for (const [key, index] of Object.entries(json.meshes[0].primitives[0].attributes)) {
    const a = json.accessors[index], view = json.bufferViews[a.bufferView];
    if (a.componentType !== 5126) continue;   // the colour of points, which each stores its own way
    const width = { SCALAR: 1, VEC3: 3, VEC4: 4 }[a.type];
    const begin = (view.byteOffset ?? 0) + (a.byteOffset ?? 0);
    found[key] = Array.from({ length: a.count * width }, (_, i) => binary.readFloatLE(begin + i * 4));
  }
  return found;
}

function compareGlb(degree) {
  byKiln('in.ply', '--input-axes', 'LDB', '-o', 'k.glb');
  const ours = attributes('k.glb'), theirs = attributes('t.glb');
  let worst = 0, worstName = '';
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const a = ours[key] ?? [], b = theirs[key] ?? [];
    a.forEach((v, i) => {
      let d = Math.abs(v - b[i]) / Math.max(1, Math.abs(v));
      if (key.endsWith('ROTATION')) {
        const turn = (q) => [3, 0, 1, 2].map((j) => q[Math.floor(i / 4) * 4 + j]);
        d = angle(turn(a), turn(b)) / 1e5;
      }
      if (!(d <= worst)) worst = d, worstName = key;
    });
    if (a.length !== b.length) worst = 1e30, worstName = key;
  }
  failures += !(worst < 2e-6);
  console.log(`${worst < 2e-6 ? 'ok  ' : 'FAIL'} our .glb beside splat-transform's, degree ${degree}: ` +
    `${worst.toPrecision(2)} at most (${worstName})`);
}

for (let degree = 0; degree <= 3; degree++) {
  const c = cloud(500, degree, 10 + degree);
  writePly(at('in.ply'), c, degree);
  await othersReadOurs(c, degree);
  await weReadTheirs(c, degree);
  await validate(degree);
  compareGlb(degree);
}

if (golden) {
  fs.mkdirSync(golden, { recursive: true });
  for (const degree of [0, 3]) {
    writePly(at('in.ply'), cloud(12, degree, 40 + degree), degree);
    const keep = (from, to) => fs.copyFileSync(at(from), path.join(golden, to));
    keep('in.ply', `degree${degree}.ply`);
    byTransform('in.ply', 't.glb'), keep('t.glb', `splat_transform${degree}.glb`);
    byTransform('in.ply', 't.ply'), keep('t.ply', `splat_transform${degree}.ply`);
    byTransform('--spz-version', '3', 'in.ply', 't.spz'), keep('t.spz', `spz_library${degree}.spz`);
    byTransform('--spz-version', '4', 'in.ply', 't.spz'), keep('t.spz', `spz4_library${degree}.spz`);
    const g = await loadPly(new Blob([fs.readFileSync(at('in.ply'))]).stream());
    fs.writeFileSync(path.join(golden, `spz_js${degree}.spz`), Buffer.from(await serializeSpz(g)));
  }
}
fs.rmSync(folder, { recursive: true });
console.log(failures ? `${failures} failed` : 'all agree');
process.exit(failures ? 1 : 0);
