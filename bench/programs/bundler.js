'use strict';
// A bundler (webpack) with a finished compilation of large libraries and its statistics kept in memory.
// usage: node bundler.js OUT
const v8 = require('v8');
const fs = require('fs');
const os = require('os');
const path = require('path');
const webpack = require('webpack');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bundler-'));
const entry = path.join(folder, 'entry.js');
const libraries = ['three', 'lodash', 'rxjs', 'react-dom'];
fs.writeFileSync(entry, libraries.map((name, i) => `import * as l${i} from ${JSON.stringify(require.resolve(name))};`).join('\n') + '\nconsole.log(l0, l1, l2, l3);');

const compiler = webpack({ mode: 'development', entry, devtool: 'source-map', output: { path: folder }, resolve: { modules: [path.join(__dirname, 'node_modules')] } });
compiler.run((error, stats) => {
  if (error || stats.hasErrors()) throw error ?? new Error(stats.toString());
  globalThis.state = { compiler, stats, json: stats.toJson({ all: true }) };
  fs.rmSync(folder, { recursive: true });
  v8.writeHeapSnapshot(process.argv[2]);
  process.exit(0);
});
