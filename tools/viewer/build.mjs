// node build.mjs [--check]: makes modalities/splat/viewer/viewer.html of source/, or says whether
// it is what it would make, byte by byte.
import { build } from 'esbuild';
import { gzipSync } from 'fflate';
import fs from 'node:fs';
import path from 'node:path';

const here = import.meta.dirname;
const from = (name) => path.join(here, 'source', name);
const target = path.join(here, '../../modalities/splat/viewer/viewer.html');
const notice = path.join(here, '../../modalities/splat/viewer/NOTICE');

async function bundle(options) {
  const result = await build({
    bundle: true, write: false, format: 'iife', target: 'es2022', charset: 'utf8',
    legalComments: 'none', absWorkingDir: here, ...options,
  });
  const { text } = result.outputFiles[0];
  return text.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');
}

// The page's own code finds its libraries in a global, since they are unpacked before it runs.
const libraries = {
  name: 'libraries',
  setup(b) {
    b.onResolve({ filter: /libraries\.js$/ }, (args) => ({ path: args.path, namespace: 'global' }));
    b.onLoad({ filter: /.*/, namespace: 'global' },
      () => ({ contents: 'module.exports = libraries;' }));
  },
};

const packed = await bundle({
  entryPoints: [from('libraries.js')], globalName: 'libraries', minify: true });
const parts = {
  STYLE: fs.readFileSync(from('style.css'), 'utf8').trim(),
  NOTICE: fs.readFileSync(notice, 'utf8').trim(),
  LIBRARIES: Buffer.from(gzipSync(Buffer.from(packed), { level: 9, mtime: 0 })).toString('base64'),
  VIEWER: (await bundle({ entryPoints: [from('main.js')], plugins: [libraries] })).trim(),
};
const html = fs.readFileSync(from('page.html'), 'utf8')
  .replace(/\/\*([A-Z]+)\*\//g, (_, name) => parts[name]);

if (process.argv[2] === '--check') {
  const same = fs.existsSync(target) && fs.readFileSync(target, 'utf8') === html;
  console.log(same ? 'viewer.html is what source/ makes' : 'viewer.html is not what source/ makes');
  process.exit(same ? 0 : 1);
}
fs.writeFileSync(target, html);
console.log(`${path.relative(process.cwd(), target)}: ${Buffer.byteLength(html)} bytes`);
