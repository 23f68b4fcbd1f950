'use strict';
// Leaks, says so in one line of JSON, and lists what it left in the folder for temporary files.
const fs = require('fs');
const os = require('os');
const { measureGrowth } = require('../..');

class Session {}
const sessions = [];

measureGrowth(() => void sessions.push(new Session()), JSON.parse(process.argv[2] || '{}')).then(({ verdict, reason, counted, lacking, why }) => {
  const left = fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith('heapwhy-'));
  process.stdout.write(JSON.stringify({ verdict, reason, counted, lacking, why, left }));
});
