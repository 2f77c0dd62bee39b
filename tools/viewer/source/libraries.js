// What the page uses of its libraries; bundled by itself, so that it only changes when they do.
export {
  AmbientLight, Color, DirectionalLight, DoubleSide, Group, MeshStandardMaterial, PerspectiveCamera,
  Scene, SRGBColorSpace, Texture, Vector3, WebGLRenderer,
} from 'three';
export { OrbitControls } from 'three/addons/controls/OrbitControls.js';
export { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
export { OBJLoader } from 'three/addons/loaders/OBJLoader.js';
export { SparkRenderer, SplatMesh } from '@sparkjsdev/spark';
