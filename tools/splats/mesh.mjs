// node mesh.mjs KILN: see README.md beside this file.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { GLTFLoader } from 'three/examples/jsm/loaders/GLTFLoader.js';
import { MTLLoader } from 'three/examples/jsm/loaders/MTLLoader.js';
import { OBJLoader } from 'three/examples/jsm/loaders/OBJLoader.js';
import { cloud, writePly } from './cloud.mjs';

const validator = createRequire(import.meta.url)('gltf-validator');
const kiln = path.resolve(process.argv[2]);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kiln-meshes-'));
const at = (name) => path.join(folder, name);
let failures = 0;

function check(title, good, facts) {
  failures += !good;
  console.log(`${good ? 'ok  ' : 'FAIL'} ${title}: ${facts}`);
}

// What three.js asks a browser for; a picture counts as read when it begins as PNG does.
let picture = '';
globalThis.self = globalThis;
globalThis.createImageBitmap = async (blob) => {
  picture = Buffer.from(await blob.arrayBuffer()).subarray(1, 4).toString('latin1');
  return { width: 1, height: 1, close() {} };
};

// Splats all over a torus about y, a quarter of it red.
function torus(n) {
  const splats = cloud(n, 0, 3);
  splats.forEach((s, i) => {
    const a = i * 2.399963229728653, b = i / n * 2 * Math.PI, r = 1 + 0.35 * Math.cos(a);
    s.x = r * Math.cos(b), s.y = -0.35 * Math.sin(a), s.z = -r * Math.sin(b);
    s.scale_0 = s.scale_1 = s.scale_2 = Math.log(0.06), s.opacity = 2;
    for (let c = 0; c < 3; c++) s[`f_dc_${c}`] = c === 0 && b < Math.PI / 2 ? 1.5 : -1;
  });
  return splats;
}

// Of the surface, charts sewn together: sides without exactly one triangle each way, and Euler's number.
function hold(geometry) {
  const p = geometry.attributes.position, ids = new Map(), sides = new Map(), points = [];
  const count = geometry.index ? geometry.index.count : p.count;
  for (let i = 0; i < count; i++) {
    const v = geometry.index ? geometry.index.getX(i) : i;
    const key = `${p.getX(v)} ${p.getY(v)} ${p.getZ(v)}`;
    if (!ids.has(key)) ids.set(key, ids.size);
    points.push(ids.get(key));
  }
  for (let i = 0; i < count; i++) {
    const side = `${points[i]} ${points[i - i % 3 + (i + 1) % 3]}`;
    sides.set(side, (sides.get(side) ?? 0) + 1);
  }
  let open = 0;
  for (const [side, n] of sides) open += n !== 1 || !sides.has(side.split(' ').reverse().join(' '));
  return { open, euler: ids.size - sides.size / 2 + count / 3, triangles: count / 3 };
}

const meshOf = (root) => { let found; root.traverse((o) => { if (o.isMesh) found = o; }); return found; };

async function checkShape(name, splats, euler) {
  writePly(at('in.ply'), splats, 0);
  const flags = ['--grid', '64', '--faces', '6000', '--texture', '256'];
  const run = (...args) => execFileSync(kiln, ['convert', 'in.ply', ...args, ...flags], { cwd: folder, stdio: 'pipe' });
  run('--mesh', '-o', 'k.glb'), run('-o', 'k.obj');
  const bytes = fs.readFileSync(at('k.glb'));
  const report = await validator.validateBytes(new Uint8Array(bytes));
  check(`gltf-validator on a ${name}`, report.issues.messages.length === 0, JSON.stringify(report.issues.messages));
  const exact = new Uint8Array(bytes).buffer;
  const gltf = await new Promise((done, failed) => new GLTFLoader().parse(exact, '', done, failed));
  const a = meshOf(gltf.scene), m = a.material;
  check(`three.js reads the material of a ${name}`,
    m.map && picture === 'PNG' && m.metalness === 0 && m.roughness === 1, `metal ${m.metalness}, rough ${m.roughness}`);
  const obj = new OBJLoader().parse(fs.readFileSync(at('k.obj'), 'utf8'));
  const b = meshOf(obj).geometry, index = a.geometry.index;
  let worst = 0;   // OBJLoader repeats points by triangle, and turns no v
  for (const [key, width] of [['position', 3], ['normal', 3], ['uv', 2]])
    for (let i = 0; i < index.count; i++)
      for (let c = 0; c < width; c++) {
        const v = a.geometry.attributes[key].getComponent(index.getX(i), c);
        const w = b.attributes[key].getComponent(i, c);
        worst = Math.max(worst, Math.abs(v - (key === 'uv' && c === 1 ? 1 - w : w)));
      }
  check(`.glb and .obj of a ${name} are one mesh to three.js`, b.attributes.position.count === index.count && worst < 1e-6,
    `${worst.toPrecision(2)} apart`);
  for (const [kind, geometry] of [['glb', a.geometry], ['obj', b]]) {
    const h = hold(geometry);
    check(`the .${kind} of a ${name} is closed`, h.open === 0 && h.euler === euler, JSON.stringify(h));
  }
  const materials = new MTLLoader().parse(fs.readFileSync(at('k.mtl'), 'utf8'), '').materialsInfo;
  check(`MTLLoader reads the material of a ${name}`,
    obj.materialLibraries[0] === 'k.mtl' && materials.splats?.map_kd === 'k.png', JSON.stringify(materials));
}

await checkShape('torus', torus(4000), 0);
const ball = cloud(1, 0, 5);
Object.assign(ball[0], { scale_0: -1, scale_1: -1.5, scale_2: -1, opacity: 3, x: 5 });
await checkShape('lone splat', ball, 2);
fs.rmSync(folder, { recursive: true });
console.log(failures ? `${failures} failed` : 'all agree');
process.exit(failures ? 1 : 0);
