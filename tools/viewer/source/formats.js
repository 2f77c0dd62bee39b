// What a file is and whether it can be shown, told in words before a library touches it.
import { glbJson, splatsOfGlb } from './glb.js';

export class Refusal extends Error {}

const SPLAT_BYTES = 32;
const PLY_SIZES = {
  char: 1, uchar: 1, int8: 1, uint8: 1, short: 2, ushort: 2, int16: 2, uint16: 2,
  int: 4, uint: 4, int32: 4, uint32: 4, float: 4, float32: 4, double: 8, float64: 8,
};
const PLY_NEEDED = ['x', 'y', 'z', 'opacity', 'scale_0', 'scale_1', 'scale_2',
  'rot_0', 'rot_1', 'rot_2', 'rot_3', 'f_dc_0', 'f_dc_1', 'f_dc_2'];

// { kind: 'splats', type, bytes, turned, antialiased, nodes? } or { kind: 'mesh', type, bytes,
// picture? }. `turned` says that the file's y points down, `antialiased` that its splats are made
// for a low-pass filter that keeps what they cover; `nodes` of glTF place them; `picture`, a Blob,
// is the texture of an .obj, out of the `others` that were given with it.
export async function open(bytes, name, others = []) {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 4));
  if (bytes.length === 0) throw new Refusal('The file is empty.');
  if (start.startsWith('ply')) return ofPly(bytes);
  if (start === 'glTF') return ofGlb(bytes);
  if (start === 'NGSP') throw new Refusal('.spz of version 4 is not shown, 1 to 3 are.');
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return ofSpz(bytes);
  const extension = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  if (extension === 'splat') return ofSplat(bytes);
  if (extension === 'gltf')
    throw new Refusal('A .gltf leaves its data in other files. Save it as one .glb.');
  if (extension === 'obj') return ofObj(bytes, name, others);
  throw new Refusal(
    'This is none of the files that can be shown: .ply, .splat, .spz, .glb and .obj.');
}

export const isPicture = (name) => /\.(png|jpe?g|webp)$/i.test(name);
export const stemOf = (name) => name.replace(/\.[^.]*$/, '');

function ofObj(bytes, name, others) {
  const text = new TextDecoder('latin1').decode(bytes);
  if (!/^\s*f\s/m.test(text)) throw new Refusal('The .obj holds no faces.');
  const pictures = others.filter((o) => isPicture(o.name));
  const picture = pictures.find((p) => stemOf(p.name) === stemOf(name)) ?? pictures[0];
  return { kind: 'mesh', type: 'obj', bytes, picture };
}

function ofSplat(bytes) {
  if (bytes.length % SPLAT_BYTES !== 0)
    throw new Refusal('The .splat is cut short: its size is no multiple of 32 bytes.');
  return { kind: 'splats', type: 'splat', bytes, turned: true, antialiased: false };
}

function plyHeader(bytes) {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, 65536));
  const found = /end_header(\r\n|\n|\r)/.exec(text);
  if (!found) throw new Refusal('The .ply has no end to its header.');
  const header = { size: found.index + found[0].length, format: '', comments: [], elements: [] };
  for (const line of text.slice(0, found.index).split(/\r\n|\n|\r/)) {
    const words = line.trim().split(/\s+/);
    if (words[0] === 'format') header.format = words[1];
    if (words[0] === 'comment') header.comments.push(words.slice(1).join(' '));
    if (words[0] === 'element')
      header.elements.push({ name: words[1], count: Number(words[2]), properties: [] });
    if (words[0] === 'property' && header.elements.length)
      header.elements.at(-1).properties.push({ type: words[1], name: words.at(-1) });
  }
  return header;
}

function ofPly(bytes) {
  const header = plyHeader(bytes);
  const vertices = header.elements.find((e) => e.name === 'vertex');
  const names = vertices ? vertices.properties.map((p) => p.name) : [];
  const packed = names.includes('packed_position') &&
    header.elements.some((e) => e.name === 'chunk');
  const missing = packed ? undefined : PLY_NEEDED.find((n) => !names.includes(n));
  if (missing && header.elements.some((e) => e.name === 'face'))
    throw new Refusal('This .ply holds a mesh. Of meshes .glb and .obj are shown.');
  if (missing) throw new Refusal(`This .ply holds no splats: it has no "${missing}".`);
  if (header.format !== 'binary_little_endian')
    throw new Refusal('Only a .ply in little-endian binary is shown. Kiln can convert this one.');
  let size = header.size;
  for (const { count, properties } of header.elements) {
    const row = properties.reduce((sum, p) => sum + (PLY_SIZES[p.type] ?? NaN), 0);
    size += count * row;
  }
  if (!(size <= bytes.length))
    throw new Refusal('The .ply is cut short, or claims more than it has.');
  const antialiased = header.comments.some((c) => /^(SplatRenderMode: mip|antialiased 1)/.test(c));
  return { kind: 'splats', type: 'ply', bytes, turned: true, antialiased };
}

async function gunzip(bytes) {
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Refusal('The .spz is damaged or cut short.');
  }
}

async function ofSpz(bytes) {
  const inner = await gunzip(bytes);
  if (inner.length < 16 || new TextDecoder('latin1').decode(inner.subarray(0, 4)) !== 'NGSP')
    throw new Refusal('This is a gzip file, but no .spz.');
  const view = new DataView(inner.buffer);
  const [version, count] = [view.getUint32(4, true), view.getUint32(8, true)];
  const harmonics = 3 * ([0, 3, 8, 15, 24][inner[12]] ?? NaN);
  const row = (version === 1 ? 6 : 9) + 1 + 3 + 3 + (version >= 3 ? 4 : 3) + harmonics;
  if (version < 1 || version > 3) throw new Refusal(`.spz of version ${version} is not shown.`);
  if (!(16 + count * row <= inner.length))
    throw new Refusal('The .spz is damaged: it claims more splats than it has.');
  return { kind: 'splats', type: 'spz', bytes, turned: false, antialiased: (inner[14] & 1) === 1 };
}

function ofGlb(bytes) {
  let json;
  try {
    json = glbJson(bytes);
  } catch {
    throw new Refusal('The .glb is damaged or cut short.');
  }
  const primitives = (json.meshes ?? []).flatMap((m) => m.primitives ?? []);
  if (!primitives.some((p) => p.extensions?.KHR_gaussian_splatting)) return { kind: 'mesh', type: 'glb', bytes };
  try {
    const { bytes: ply, nodes } = splatsOfGlb(bytes, json);
    return { kind: 'splats', type: 'ply', bytes: ply, nodes, turned: false, antialiased: false };
  } catch (error) {
    throw new Refusal(`The splats of the .glb cannot be read: ${error.message}.`);
  }
}
