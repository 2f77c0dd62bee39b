// The page: where files come from, what is told about them, and the buttons.
import { isPicture, open, Refusal } from './formats.js';
import { Stage } from './stage.js';

const BACKGROUNDS = { grey: '#d4d4d4', white: '#ffffff', black: '#000000' };
const get = (id) => document.getElementById(id);
const state = (name) => { document.documentElement.dataset.state = name; };

// What follows # in the address: eye=x,y,z target=x,y,z fov=degrees background=grey|white|black or
// rrggbb, plain=1 hides everything but the picture, file=PATH of one on the same server.
function wishes() {
  const given = new URLSearchParams(location.hash.slice(1));
  const numbers = (key, n) => {
    const words = (given.get(key) ?? '').split(','), list = words.map(Number);
    const good = words.length === n && words.every((word, i) => word && Number.isFinite(list[i]));
    return good ? list : undefined;
  };
  const fov = numbers('fov', 1)?.[0];
  return {
    eye: numbers('eye', 3), target: numbers('target', 3),
    fov: fov > 1 && fov < 170 ? fov : undefined,
    background: given.get('background') ?? 'grey',
    plain: given.get('plain') === '1', file: given.get('file'),
  };
}

function setBackground(stage, name) {
  const color = BACKGROUNDS[name] ?? (/^[0-9a-f]{6}$/i.test(name) ? `#${name}` : BACKGROUNDS.grey);
  stage.background(color);
  const light = [1, 3, 5].reduce((sum, i) => sum + parseInt(color.slice(i, i + 2), 16), 0) / 765;
  document.body.style.background = color;
  document.body.classList.toggle('dark', light < 0.45);
}

function tell(message) {
  get('error').textContent = message;
  get('error').hidden = !message;
}

// What went wrong, for who has never seen a stack trace.
function wordsOf(error) {
  if (error instanceof Refusal) return error.message;
  const text = String(error?.message ?? error);
  const needs = /(KHR|EXT|MSFT)_\w+|DRACO|KTX2|meshopt/i.exec(text);
  if (needs) return `The .glb is packed in a way that this page does not read (${needs[0]}).`;
  return `The file cannot be shown: ${text.replace(/^THREE\.\w+: /, '')}.`.replace(/\.\.$/, '.');
}

async function show(stage, bytes, name, others) {
  state('drawing');
  tell('');
  get('busy').hidden = false;
  try {
    const { count, noun } = await stage.show(await open(bytes, name, others));
    get('name').textContent = name;
    get('count').textContent = `${count.toLocaleString('en')} ${noun}`;
    document.title = `${name} – Kiln`;
    document.body.classList.add('full');
    stage.place(wishes());
    await stage.settled();
    state('ready');
  } catch (error) {
    tell(`${name}: ${wordsOf(error)}`);
    state('error');
  }
  get('busy').hidden = true;
}

// One file, and what an .obj has beside it.
async function showFiles(stage, list) {
  const files = [...list], beside = (f) => isPicture(f.name) || /\.mtl$/i.test(f.name);
  const file = files.find((f) => !beside(f)) ?? files[0];
  if (file) await show(stage, new Uint8Array(await file.arrayBuffer()), file.name, files);
}

function takeFiles(stage) {
  get('choose').onclick = get('first').onclick = () => get('file-input').click();
  get('file-input').onchange = (event) => {
    showFiles(stage, event.target.files);
    event.target.value = '';
  };
  let depth = 0;   // dragging over a child leaves the parent
  const over = (change) => (event) => {
    event.preventDefault();
    depth = Math.max(0, depth + change);
    document.body.classList.toggle('over', depth > 0);
  };
  addEventListener('dragenter', over(1));
  addEventListener('dragleave', over(-1));
  addEventListener('dragover', (event) => event.preventDefault());
  addEventListener('drop', (event) => {
    over(-depth)(event);
    showFiles(stage, event.dataTransfer.files);
  });
}

function takeButtons(stage) {
  const names = Object.keys(BACKGROUNDS);
  let current = names.indexOf(wishes().background);
  get('background').onclick = () => {
    current = (current + 1) % names.length;
    setBackground(stage, names[current]);
  };
  get('turn').onclick = () => stage.turnOver();
  get('reset').onclick = () => stage.shown && stage.frameObject();
}

function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function fetched(path) {
  const answer = await fetch(path).catch(() => null);
  if (!answer?.ok) throw new Refusal('The file could not be fetched.');
  return new Uint8Array(await answer.arrayBuffer());
}

async function main() {
  let stage;
  try {
    stage = new Stage(get('canvas'));
  } catch {
    tell('This browser cannot draw here: it has no WebGL 2, or it is switched off.');
    return state('error');
  }
  const wished = wishes();
  setBackground(stage, wished.background);
  document.body.classList.toggle('plain', wished.plain);
  takeFiles(stage);
  takeButtons(stage);
  addEventListener('hashchange', () => {
    const again = wishes();
    setBackground(stage, again.background);
    if (stage.shown) stage.place(again);
  });
  const embedded = get('embedded');
  if (embedded) return show(stage, bytesOf(embedded.textContent), embedded.dataset.name);
  if (!wished.file) return state('empty');
  const name = wished.file.slice(wished.file.lastIndexOf('/') + 1);
  try {
    await show(stage, await fetched(wished.file), name);
  } catch (error) {
    tell(`${name}: ${wordsOf(error)}`);
    state('error');
  }
}

main();
