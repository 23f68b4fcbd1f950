// Keeps a number of things in each of which a secret is that it was told, and stands still: heapwhy writes it down in every format.
'use strict';

class Session {
  constructor(id, secret) {
    this.id = id;
    this.token = `${secret}-${id}`;
  }
}

class Vault {
  constructor(secret) {
    this.bytes = Buffer.from(`${secret} in bytes`);
    this.symbol = Symbol(`${secret} described`);
    this.pattern = new RegExp(`${secret}[0-9]`);
    this.error = new Error(`${secret} went wrong`);
    this[`${secret} as a key`] = 1;
    this.wide = `${secret} 🔒`;
    this.digits = BigInt(`0x${Buffer.from(secret).toString('hex')}`);
    this.made = new Function(`return ${JSON.stringify(secret)}.length`);
    this.made();
  }
}

const secret = process.argv[2];
const sessions = new Map();
for (let id = 0; id < 3000; id++) sessions.set(`${secret} of ${id}`, new Session(id, secret));
const vault = new Vault(secret);
const joined = [];
for (let nth = 0; nth < 10; nth++) joined.push(`${secret} and a rope that is long enough ${nth} `.repeat(3) + nth);
globalThis.kept = [sessions, vault, joined];
setInterval(() => {}, 1e6);
console.log('ready');
