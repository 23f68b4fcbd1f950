// A process that becomes another program when it is told to: `becoming.js ADDON`. It writes a line when it is ready.
'use strict';
const addon = require(process.argv[2]);
globalThis.kept = Array.from({ length: 50_000 }, (_, nth) => ({ nth }));
process.stdin.on('data', () => addon.become());
console.log('ready');
