// Bundles DevTools' heap snapshot engine, unmodified, for Node.js. Its interface texts (i18n) are the only stub.
// usage: node bundle.mjs NODE_MODULES OUT
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [modules, out] = process.argv.slice(2).map(path => resolve(path));
const { build } = createRequire(join(modules, 'package.json'))('esbuild');
const engine = join(modules, 'chrome-devtools-frontend/front_end/entrypoints/heap_snapshot_worker/heap_snapshot_worker.ts');

// The interface's texts are never shown.
const TEXTS = 'export const i18n = { serializeUIString: text => text, registerUIStrings() {}, getLocalizedString() {} };';

const stubTexts = {
  name: 'stub texts',
  setup(build) {
    build.onResolve({ filter: /\/i18n\/i18n\.js$/ }, () => ({ path: 'i18n', namespace: 'stub' }));
    build.onLoad({ filter: /^i18n$/, namespace: 'stub' }, () => ({ contents: TEXTS }));
  },
};

// The engine imports whole folders (an editor, a Markdown parser) of which it uses one class: what it does not use is left out.
const dropUnused = {
  name: 'drop unused',
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, async ({ path, pluginData, ...options }) => {
      if (pluginData === 'seen') return undefined;
      const found = await build.resolve(path, { ...options, pluginData: 'seen' });
      return { ...found, sideEffects: false };
    });
  },
};

await build({
  entryPoints: [engine],
  outfile: out,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'es2023',
  logLevel: 'warning',
  plugins: [stubTexts, dropUnused],
});
