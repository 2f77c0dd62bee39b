// The canvas: what is shown, from where, and drawing it when something changed.
import { ballOfPoints, ballOfSplats } from './bounds.js';
import { Refusal } from './formats.js';
import {
  AmbientLight, Color, DirectionalLight, DoubleSide, Group, GLTFLoader, MeshStandardMaterial,
  OBJLoader, OrbitControls, PerspectiveCamera, Scene, SparkRenderer, SplatMesh, SRGBColorSpace,
  Texture, Vector3, WebGLRenderer,
} from './libraries.js';

const LOW_PASS = 0.3;   // square pixels
const FAINTEST = 1 / 255;
const FAINT = 0.05;   // splats that say nothing of where an object is
const MARGIN = 1.06;
const FRONT = new Vector3(0.35, 0.25, 1).normalize();   // from where an object is seen at first

export class Stage {
  constructor(canvas) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true, alpha: false });
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.scene = new Scene();
    this.camera = new PerspectiveCamera(40, 1, 0.01, 1000);
    this.scene.add(this.camera);
    this.lights = new Group();
    const lamp = new DirectionalLight(0xffffff, 1.6);
    lamp.position.set(0.3, 0.6, 1);
    this.lights.add(new AmbientLight(0xffffff, 1.6), lamp, lamp.target);
    this.camera.add(this.lights);
    this.spark = new SparkRenderer({
      renderer: this.renderer, onDirty: () => this.change(), sortRadial: false,
      accumExtSplats: true, maxStdDev: Math.sqrt(2 * Math.log(255)), minAlpha: FAINTEST,
    });
    this.scene.add(this.spark);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.enableDamping = true;
    this.controls.dampingFactor = 0.12;
    this.controls.listenToKeyEvents(canvas);
    this.controls.addEventListener('change', () => this.change());
    this.shown = null;
    this.waiting = [];
    this.resize = () => this.fit(canvas.clientWidth, canvas.clientHeight);
    new ResizeObserver(this.resize).observe(canvas);
    this.resize();
  }

  fit(width, height) {
    if (!width || !height) return;
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.change();
  }

  // Draws in the next frame, and in those after it while the camera still moves.
  change() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.controls.update()) this.change();
      this.renderer.render(this.scene, this.camera);
      const { sorting, sortDirty, lastSortTime } = this.spark;
      const sorted = !sorting && !sortDirty && lastSortTime !== this.shown?.before;
      const done = sorted || !this.shown?.sorted;
      if (done && !this.frame) this.waiting.splice(0).forEach((f) => f());
    });
  }

  // Resolves when the picture no longer changes by itself.
  settled() {
    return new Promise((resolve) => { this.waiting.push(resolve), this.change(); });
  }

  background(color) {
    this.scene.background = new Color(color);
    this.change();
  }

  clear() {
    if (!this.shown) return;
    this.scene.remove(this.shown.object);
    this.shown.dispose();
    this.shown = null;
    this.change();
  }

  // How many splats or triangles there are: { count, noun }.
  async show(file) {
    const next = await (file.kind === 'mesh' ? meshOf(file) : splatsOf(file));
    this.clear();
    this.shown = { ...next, before: this.spark.lastSortTime };
    this.lights.visible = file.kind === 'mesh';
    this.spark.blurAmount = file.antialiased ? LOW_PASS : 0;
    this.spark.preBlurAmount = file.antialiased ? 0 : LOW_PASS;
    this.scene.add(next.object);
    this.frameObject();
    return next;
  }

  turnOver() {
    if (!this.shown) return;
    this.shown.object.rotateX(Math.PI);
    this.frameObject();
  }

  // Puts the camera before the object, as far away as shows all of it.
  frameObject() {
    const { center: middle, radius } = this.shown.bounds();
    const center = new Vector3(...middle);
    const half = (this.camera.fov / 2) * Math.PI / 180;
    const narrow = Math.atan(Math.tan(half) * Math.min(1, this.camera.aspect));
    const distance = MARGIN * radius / Math.sin(narrow);
    this.look(center.clone().addScaledVector(FRONT, distance), center, radius);
  }

  look(eye, target, radius = eye.distanceTo(target)) {
    this.controls.target.copy(target);
    this.camera.position.copy(eye);
    this.camera.near = Math.max(radius / 1000, 1e-4);
    this.camera.far = radius * 1000 + eye.distanceTo(target);
    this.camera.updateProjectionMatrix();
    this.controls.update();
    this.change();
  }

  // Taken from a link: the eye, what it looks at and the vertical angle in degrees, all optional.
  place({ eye, target, fov }) {
    if (fov) this.camera.fov = fov;
    if (fov && this.shown) this.frameObject();
    if (eye || target)
      this.look(eye ? new Vector3(...eye) : this.camera.position.clone(),
        target ? new Vector3(...target) : this.controls.target.clone());
  }
}

async function splatsOf({ type, bytes, turned, nodes = [] }) {
  const mesh = new SplatMesh({ fileBytes: bytes, fileType: type, extSplats: true });
  await mesh.initialized;
  const count = mesh.splats.getNumSplats();
  if (count === 0) throw new Error('there are no splats in it');
  for (const node of nodes) place(mesh, node);
  if (turned) mesh.rotateX(Math.PI);
  return {
    object: mesh, sorted: true, count, noun: count === 1 ? 'splat' : 'splats',
    bounds: () => ballOfCloud(mesh), dispose: () => mesh.dispose(),
  };
}

// Puts an object where the next node of glTF down from it stands.
function place(object, { matrix, translation, rotation, scale }) {
  const own = new Group();
  if (matrix) own.matrix.fromArray(matrix);
  else {
    own.position.fromArray(translation ?? [0, 0, 0]);
    own.quaternion.fromArray(rotation ?? [0, 0, 0, 1]);
    own.scale.fromArray(scale ?? [1, 1, 1]);
    own.updateMatrix();
  }
  object.updateMatrix();
  object.matrix.multiply(own.matrix).decompose(object.position, object.quaternion, object.scale);
}

function ballOfCloud(mesh) {
  const places = [], sizes = [], grow = mesh.getWorldScale(new Vector3()).x;
  mesh.updateMatrixWorld();
  for (const faintest of [FAINT, -1]) {   // all of them where all are faint
    mesh.forEachSplat((i, mean, scales, _, opacity) => {
      if (opacity <= faintest || !Number.isFinite(mean.x + mean.y + mean.z)) return;
      const p = mean.clone().applyMatrix4(mesh.matrixWorld);
      places.push(p.x, p.y, p.z);
      sizes.push(2 * grow * Math.max(scales.x, scales.y, scales.z));
    });
    if (sizes.length) break;
  }
  return ballOfSplats(places, sizes);
}

// Each vertex of the triangles below an object.
function ballOfMesh(object) {
  const places = [], p = new Vector3();
  object.updateMatrixWorld(true);
  object.traverse(({ geometry, isMesh, matrixWorld }) => {
    const position = isMesh && geometry.attributes.position;
    for (let i = 0; i < (position?.count ?? 0); i++) {
      p.fromBufferAttribute(position, i).applyMatrix4(matrixWorld);
      places.push(p.x, p.y, p.z);
    }
  });
  return ballOfPoints(places);
}

async function textureOf(picture) {
  const bitmap = await createImageBitmap(picture, {
    imageOrientation: 'flipY', premultiplyAlpha: 'none', colorSpaceConversion: 'none' })
    .catch(() => { throw new Refusal(`The picture ${picture.name} cannot be read.`); });
  const map = new Texture(bitmap);
  map.flipY = false;
  map.colorSpace = SRGBColorSpace;
  map.needsUpdate = true;
  return map;
}

async function objectOfObj({ bytes, picture }) {
  const object = new OBJLoader().parse(new TextDecoder().decode(bytes));
  const map = picture ? await textureOf(picture) : null;
  object.traverse((part) => {
    if (!part.isMesh) return;
    const { position, color } = part.geometry.attributes;
    if (!position.array.every(Number.isFinite))
      throw new Refusal('The .obj is damaged: a face names a vertex that is not there.');
    part.material = new MeshStandardMaterial({
      color: map || color ? 0xffffff : 0xb0b0b0, map, vertexColors: Boolean(color),
      roughness: 1, metalness: 0, side: DoubleSide });
  });
  return object;
}

async function objectOfGlb({ bytes }) {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return (await new GLTFLoader().parseAsync(buffer, '')).scene;
}

async function meshOf(file) {
  const object = await (file.type === 'obj' ? objectOfObj : objectOfGlb)(file);
  let count = 0;
  const materials = [];
  object.traverse(({ geometry, material, isMesh }) => {
    if (!isMesh) return;
    count += (geometry.index ?? geometry.attributes.position).count / 3;
    materials.push(geometry, ...[material].flat(), material.map);
  });
  if (count === 0) throw new Error('there are no triangles in it');
  return {
    object, sorted: false, count, noun: count === 1 ? 'triangle' : 'triangles',
    bounds: () => ballOfMesh(object), dispose: () => materials.forEach((m) => m?.dispose()),
  };
}
