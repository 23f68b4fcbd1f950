// A process that is watched: does what each line on its standard input says, and answers with what V8 and Node.js count then.
//
//   grow N   keeps so many objects more          large N   keeps so many large arrays more
//   buffer N keeps a Buffer of so many bytes     gc N      collects fully so often
//   leak N   from now on keeps N objects more every 5 ms, and makes garbage beside
//   pour N   from now on keeps a Buffer of N bytes more every 5 ms, an Upload each
//   churn N  from now on makes garbage, and collects fully every N ms
'use strict';

const v8 = require('node:v8');

class Session {
  constructor(id) {
    this.id = id;
    this.values = [`session ${id}`, id, { seen: id }];
  }
}

class Upload {
  constructor(bytes) {
    this.body = Buffer.alloc(bytes, 1);
  }
}

const sessions = new Map();
const kept = [];

function grow(count) {
  for (let left = count; left > 0; left -= 1) sessions.set(sessions.size, new Session(sessions.size));
}

function leak(count) {
  setInterval(() => {
    grow(count);
    const garbage = [];
    for (let nth = 0; nth < 4 * count; nth += 1) garbage.push({ nth });
  }, 5);
}

function churn(every) {
  const make = () => {
    const garbage = [];
    for (let nth = 0; nth < 2000; nth += 1) garbage.push({ nth });
  };
  setInterval(make, 5);
  setInterval(() => globalThis.gc(), every);
}

const commands = {
  grow,
  leak,
  churn,
  pour: (bytes) => setInterval(() => kept.push(new Upload(bytes)), 5),
  large: (count) => {
    for (let left = count; left > 0; left -= 1) kept.push(new Array(100_000).fill(left));
  },
  buffer: (bytes) => kept.push(Buffer.alloc(bytes, 1)),
  gc: (count) => {
    for (let left = count; left > 0; left -= 1) globalThis.gc();
  },
  none: () => {},
};

require('node:readline')
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [command, argument] = line.split(' ');
    commands[command](Number(argument));
    const [heap, spaces, process_] = [v8.getHeapStatistics(), v8.getHeapSpaceStatistics(), process.memoryUsage()];
    process.stdout.write(`${JSON.stringify({ heap, spaces, process: process_ })}\n`);
  })
  .on('close', () => process.exit());
