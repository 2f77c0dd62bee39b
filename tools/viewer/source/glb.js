// Splats of glTF (KHR_gaussian_splatting) as PLY, which the splat library reads; it knows no glTF.

const JSON_CHUNK = 0x4e4f534a, BINARY_CHUNK = 0x004e4942;
const WIDTHS = { SCALAR: 1, VEC3: 3, VEC4: 4 };
const COMPONENTS = {   // componentType: [bytes, reader, the integer that stands for 1]
  5120: [1, 'getInt8', 127], 5121: [1, 'getUint8', 255],
  5122: [2, 'getInt16', 32767], 5123: [2, 'getUint16', 65535], 5126: [4, 'getFloat32', 0],
};
const EXTENSION = 'KHR_gaussian_splatting';

function chunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(8, true) > bytes.length) throw new Error('it is cut short');
  const found = {};
  for (let at = 12; at + 8 <= view.getUint32(8, true);) {
    const length = view.getUint32(at, true);
    if (at + 8 + length > bytes.length) throw new Error('it is cut short');
    found[view.getUint32(at + 4, true)] ??= bytes.subarray(at + 8, at + 8 + length);
    at += 8 + length;
  }
  return found;
}

export function glbJson(bytes) {
  return JSON.parse(new TextDecoder().decode(chunks(bytes)[JSON_CHUNK]));
}

// An accessor as f32, [count, width].
function values(json, binary, index, width) {
  const accessor = json.accessors?.[index], view = json.bufferViews?.[accessor?.bufferView];
  if (!accessor || !view || !binary) throw new Error('an attribute is missing');
  if (accessor.sparse || WIDTHS[accessor.type] !== width || !COMPONENTS[accessor.componentType])
    throw new Error('an attribute has an unexpected type');
  const [size, read, one] = COMPONENTS[accessor.componentType];
  const stride = view.byteStride ?? size * width;
  if (stride < size * width) throw new Error('an attribute overlaps itself');
  const begin = (view.byteOffset ?? 0) + (accessor.byteOffset ?? 0);
  const end = begin + (accessor.count - 1) * stride + size * width;
  if (accessor.count > 0 && !(end <= binary.length))
    throw new Error('an attribute lies outside the file');
  const data = new DataView(binary.buffer, binary.byteOffset, binary.byteLength);
  const out = new Float32Array(accessor.count * width);
  for (let i = 0; i < accessor.count; i++)
    for (let c = 0; c < width; c++) {
      const v = data[read](begin + i * stride + c * size, true);
      out[i * width + c] = one ? Math.max(v / one, -1) : v;
    }
  return out;
}

// The nodes from a root down to the first that has the mesh: where it stands.
function nodesAbove(json, mesh) {
  const nodes = json.nodes ?? [], path = [];
  let index = nodes.findIndex((n) => n.mesh === mesh);
  while (index >= 0 && path.length < 64) {
    path.unshift(nodes[index]);
    index = nodes.findIndex((n) => n.children?.includes(index));
  }
  return path;
}

function columnsOf(json, binary, primitive) {
  const take = (name, width) => values(json, binary, primitive.attributes?.[name], width);
  const named = (name) => `${EXTENSION}:${name}`;
  const means = take('POSITION', 3), n = means.length / 3;
  const scales = take(named('SCALE'), 3), turns = take(named('ROTATION'), 4);
  const opacity = take(named('OPACITY'), 1);
  const columns = {};
  const add = (name, array, width, c, f = (v) => v) => {
    if (array.length !== n * width) throw new Error('attributes differ in count');
    columns[name] = { array, width, c, f };
  };
  'xyz'.split('').forEach((a, c) => add(a, means, 3, c));
  for (let c = 0; c < 3; c++) add(`f_dc_${c}`, take(named('SH_DEGREE_0_COEF_0'), 3), 3, c);
  let degree = 0;
  while (degree < 3 && named(`SH_DEGREE_${degree + 1}_COEF_0`) in primitive.attributes) degree++;
  const rest = (degree + 1) ** 2 - 1;
  for (let l = 1, k = 0; l <= degree; l++)
    for (let m = 0; m <= 2 * l; m++, k++) {
      const array = take(named(`SH_DEGREE_${l}_COEF_${m}`), 3);
      for (let c = 0; c < 3; c++) add(`f_rest_${c * rest + k}`, array, 3, c);
    }
  const logit = (o) => {
    const p = Math.min(Math.max(o, 1e-7), 1 - 1e-7);
    return Math.log(p / (1 - p));
  };
  add('opacity', opacity, 1, 0, logit);
  const logarithms = scales.some((v) => v < 0);   // as drafts of the extension had them
  const log = (v) => (logarithms ? v : Math.log(Math.max(v, 1e-13)));
  for (let c = 0; c < 3; c++) add(`scale_${c}`, scales, 3, c, log);
  // x y z w there, w x y z here
  for (let c = 0; c < 4; c++) add(`rot_${c}`, turns, 4, (c + 3) % 4);
  return { n, columns };
}

// { bytes of a PLY, nodes that place it } of the first mesh with splats, which has to be one
// primitive.
export function splatsOfGlb(bytes, json) {
  const mesh = json.meshes.findIndex((m) => m.primitives?.some((p) => p.extensions?.[EXTENSION]));
  const primitives = json.meshes[mesh].primitives;
  if (primitives.length !== 1) throw new Error('there are several primitives');
  const binary = chunks(bytes)[BINARY_CHUNK];
  const { n, columns } = columnsOf(json, binary, primitives[0]);
  const names = Object.keys(columns).sort((a, b) => order(a) - order(b));
  const header = new TextEncoder().encode(
    `ply\nformat binary_little_endian 1.0\nelement vertex ${n}\n` +
    names.map((name) => `property float ${name}\n`).join('') + 'end_header\n');
  const out = new Uint8Array(header.length + n * names.length * 4);
  out.set(header);
  const view = new DataView(out.buffer, header.length);
  names.forEach((name, j) => {
    const { array, width, c, f } = columns[name];
    for (let i = 0; i < n; i++)
      view.setFloat32((i * names.length + j) * 4, f(array[i * width + c]), true);
  });
  return { bytes: out, nodes: nodesAbove(json, mesh) };
}

// f_rest_* by number, everything else where it was.
function order(name) {
  const rest = /^f_rest_(\d+)$/.exec(name);
  if (rest) return 10 + Number(rest[1]);
  return ['x', 'y', 'z', 'f_dc_0', 'f_dc_1', 'f_dc_2'].includes(name) ? 0 : 100;
}
