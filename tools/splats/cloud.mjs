// Clouds of splats as plain PLY, and how far two of them are apart.
import fs from 'node:fs';

export const names = (degree) => [
  'x', 'y', 'z', 'nx', 'ny', 'nz', 'f_dc_0', 'f_dc_1', 'f_dc_2',
  ...Array.from({ length: 3 * ((degree + 1) ** 2 - 1) }, (_, i) => `f_rest_${i}`),
  'opacity', 'scale_0', 'scale_1', 'scale_2', 'rot_0', 'rot_1', 'rot_2', 'rot_3',
];

// Mulberry32.
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// n splats, each a map from property to number, within what every format can hold.
export function cloud(n, degree, seed = 1) {
  const next = random(seed);
  const between = (low, high) => Math.fround(low + (high - low) * next());
  return Array.from({ length: n }, () => {
    const splat = {};
    for (const name of names(degree)) {
      splat[name] = name.startsWith('n') ? 0
        : name.startsWith('f_dc') ? between(-1.7, 1.7)
        : name.startsWith('f_rest') ? between(-0.9, 0.9)
        : name === 'opacity' ? between(-4, 4)
        : name.startsWith('scale') ? between(-7, 1)
        : name.startsWith('rot') ? between(-1, 1)
        : between(-3, 3);
    }
    const length = Math.hypot(splat.rot_0, splat.rot_1, splat.rot_2, splat.rot_3);
    for (let i = 0; i < 4; i++) splat[`rot_${i}`] = Math.fround(splat[`rot_${i}`] / length);
    return splat;
  });
}

export function writePly(path, splats, degree) {
  const columns = names(degree);
  const head = Buffer.from(
    `ply\nformat binary_little_endian 1.0\nelement vertex ${splats.length}\n` +
    columns.map((c) => `property float ${c}\n`).join('') + 'end_header\n');
  const body = Buffer.alloc(splats.length * columns.length * 4);
  splats.forEach((splat, i) => columns.forEach((c, j) =>
    body.writeFloatLE(splat[c], (i * columns.length + j) * 4)));
  fs.writeFileSync(path, Buffer.concat([head, body]));
}

export function readPly(path) {
  const bytes = fs.readFileSync(path);
  const end = bytes.indexOf('end_header\n') + 11;
  const lines = bytes.subarray(0, end).toString('latin1').split('\n');
  const count = Number(lines.find((l) => l.startsWith('element vertex')).split(' ')[2]);
  const columns = lines.filter((l) => l.startsWith('property float')).map((l) => l.split(' ')[2]);
  return Array.from({ length: count }, (_, i) => Object.fromEntries(columns.map((c, j) =>
    [c, bytes.readFloatLE(end + (i * columns.length + j) * 4)])));
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// Half a step of each format. Rotations of SPZ 2 leave w to what is left of length one, which says
// little where that is near zero. The spz library rounds harmonics twice.
export const exact = { mean: 0, scale: 1e-6, opacity: 1e-6, dc: 0, first: 0, rest: 0, angle: 0.1 };
export const spz3 = { mean: 0.5 / 4096, scale: 1 / 32, opacity: 0.5 / 255, dc: 0.5 / 255 / 0.15,
  first: 4 / 128, rest: 8 / 128, angle: 0.3 };
export const spz2 = { ...spz3, angle: 14 };
export const twice = (steps) => ({ ...steps, first: 4.5 / 128, rest: 8.5 / 128 });
// splat-transform reads rotations as if 255 were one, not 128 the zero.
export const dotSplat = { ...exact, opacity: 0.5 / 255, dc: 0.5 / 255 / 0.28209479, angle: 1.8 };

// In degrees, between two rotations w x y z of an ellipsoid, which looks the same after half a turn
// about any axis of its own.
export function angle(p, [w, x, y, z]) {
  const same = [[w, x, y, z], [-x, w, z, -y], [-y, -z, w, x], [-z, y, -x, w]];
  const dots = same.map((q) => Math.abs(q.reduce((sum, v, i) => sum + v * p[i], 0)));
  const cosine = Math.max(...dots) / Math.hypot(...p) / Math.hypot(w, x, y, z);
  return 2 * Math.acos(Math.min(1, cosine)) * 180 / Math.PI;
}

// The largest differences of each kind; `degree` bounds what is compared.
export function distance(a, b, degree) {
  if (a.length !== b.length) return { count: Math.abs(a.length - b.length) };
  const most = { mean: 0, scale: 0, opacity: 0, dc: 0, first: 0, rest: 0, angle: 0 };
  const wider = (kind, x) => { most[kind] = Math.max(most[kind], Number.isNaN(x) ? 1e30 : Math.abs(x)); };
  const k = (degree + 1) ** 2 - 1;
  a.forEach((p, i) => {
    const q = b[i];
    for (const c of ['x', 'y', 'z']) wider('mean', p[c] - q[c]);
    for (let c = 0; c < 3; c++) {
      wider('scale', p[`scale_${c}`] - q[`scale_${c}`]);
      wider('dc', p[`f_dc_${c}`] - q[`f_dc_${c}`]);
      for (let j = 0; j < k; j++)
        wider(j < 3 ? 'first' : 'rest', p[`f_rest_${c * k + j}`] - q[`f_rest_${c * k + j}`]);
    }
    wider('opacity', sigmoid(p.opacity) - sigmoid(q.opacity));
    const turn = (t) => [t.rot_0, t.rot_1, t.rot_2, t.rot_3];
    wider('angle', angle(turn(p), turn(q)));
  });
  return most;
}
