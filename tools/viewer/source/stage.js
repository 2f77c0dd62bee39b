// The canvas: what is shown, from where, and drawing it when something changed.
import {
  AmbientLight, Box3, Color, DirectionalLight, Group, GLTFLoader, OrbitControls,
  PerspectiveCamera, Scene, SparkRenderer, SplatMesh, Vector3, WebGLRenderer,
} from './libraries.js';

const LOW_PASS = 0.3;   // square pixels
const FAINTEST = 1 / 255;
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
    const { center, radius } = this.shown.bounds();
    const half = (this.camera.fov / 2) * Math.PI / 180;
    const distance = radius / Math.sin(Math.atan(Math.tan(half) * Math.min(1, this.camera.aspect)));
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
    bounds: () => boundsOf(mesh), dispose: () => mesh.dispose(),
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

// Of the means but for the outermost hundredth in each direction, which in captured scenes lie
// anywhere.
function boundsOf(mesh) {
  const axes = [[], [], []], step = Math.max(1, Math.floor(mesh.splats.getNumSplats() / 100000));
  mesh.updateMatrixWorld();
  mesh.forEachSplat((i, mean) => {
    if (i % step || !Number.isFinite(mean.x + mean.y + mean.z)) return;
    const p = mean.clone().applyMatrix4(mesh.matrixWorld);
    axes[0].push(p.x), axes[1].push(p.y), axes[2].push(p.z);
  });
  const box = new Box3(new Vector3(), new Vector3());
  axes.forEach((values, a) => {
    const sorted = Float64Array.from(values).sort(), cut = Math.floor(sorted.length / 100);
    box.min.setComponent(a, sorted[cut] ?? 0);
    box.max.setComponent(a, sorted[sorted.length - 1 - cut] ?? 0);
  });
  return sphereOf(box);
}

function sphereOf(box) {
  const size = box.getSize(new Vector3());
  const radius = Math.max(size.length() * 0.45, size.x / 2, size.y / 2, size.z / 2);
  return { center: box.getCenter(new Vector3()), radius: radius > 0 ? radius : 1 };
}

async function meshOf({ bytes }) {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { scene: object } = await new GLTFLoader().parseAsync(buffer, '');
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
    bounds: () => sphereOf(new Box3().setFromObject(object)),
    dispose: () => materials.forEach((m) => m?.dispose()),
  };
}
