'use strict';
// Asks a server of tests/live/server.js without pause, over connections that stay open, until its standard input ends. Says how many answers
// were right, what was wrong, and the longest that one took.
const http = require('http'), crypto = require('crypto');
const port = +process.argv[2];
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
function sum(n) {
  let x = 0.1 + n / 1e6, y = 0;
  for (let i = 0; i < 20000; i++) { x = 3.99 * x * (1 - x); y += Math.sqrt(x) / (i + 1.5); }
  return y;
}
const right = {
  object: (n) => [n, 'object-' + n, n * 2, n / 2].join(),
  timer: String,
  worker: (n) => String(n * 2),
  chaos: (n) => [sum(n), sum(n)].join(),
  spawn: (n) => 'child ' + n,
  file: (n) => 'text ' + n,
  name: () => '127.0.0.1',
  hash: (n) => crypto.pbkdf2Sync('p' + n, 'salt', 50, 16, 'sha1').toString('hex'),
  zip: (n) => 'zip ' + n,
  signal: String,
  body: (n) => String(n % 10).repeat(200000),
};
const kinds = Object.keys(right);
let asked = 0, good = 0, longest = 0, ending = false;
const wrong = [];

function get(path) {
  return new Promise((answer, fail) => {
    const request = http.get({ port, host: '127.0.0.1', path, agent, timeout: 60000 }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part)).on('error', fail);
      response.on('end', () => answer([response.statusCode, Buffer.concat(parts).toString()]));
    });
    request.on('error', fail).on('timeout', () => request.destroy(new Error('no answer within a minute')));
  });
}

async function lane() {
  while (!ending) {
    const n = asked++ % 40000, kind = kinds[n % kinds.length], since = Date.now();
    try {
      const [status, text] = await get(`/${kind}/${n}`);
      if (status === 200 && text === right[kind](n)) good++;
      else wrong.push(`${kind}/${n}: ${status} ${text.slice(0, 100)}`);
    } catch (error) {
      wrong.push(`${kind}/${n}: ${error.message}`);
    }
    longest = Math.max(longest, Date.now() - since);
  }
}

process.stdin.on('end', () => { ending = true; }).resume();
Promise.all(Array.from({ length: 8 }, lane)).then(async () => {
  const [, state] = await get('/state/0');
  console.log(JSON.stringify({ good, wrong: wrong.length, first: wrong.slice(0, 3), longest, state: JSON.parse(state) }));
  process.exit(0);
});
