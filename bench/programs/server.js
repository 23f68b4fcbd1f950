'use strict';
// Two HTTP servers (fastify and express) that leak sessions, listeners and timers, under load from their own process.
// usage: node server.js REQUESTS OUT [OUT…]: each snapshot comes after that many further requests
const http = require('http');
const v8 = require('v8');
const { EventEmitter } = require('events');
const express = require('express');
const fastify = require('fastify')();

class Session {
  constructor(id, url, body) {
    this.id = id;
    this.url = url;
    this.body = body;
    this.seen = new Date();
    this.buffer = Buffer.alloc(64 + (id % 64));
  }
}
const bus = new EventEmitter();
bus.setMaxListeners(0);
const sessions = new Map();
const details = new WeakMap();
const visitors = new Set();
let count = 0;

function remember(url, body) {
  const session = new Session(count++, url, body);
  sessions.set('session-' + session.id, session);
  details.set(session, { started: process.hrtime.bigint(), close: () => sessions.delete(session.id) });
  visitors.add('visitor ' + (session.id % 500));
  if (session.id % 3 === 0) bus.on('flush', () => session.seen);
  if (session.id % 10 === 0) setInterval(() => session.seen, 1e6).unref();
  return { id: session.id, sessions: sessions.size };
}

fastify.post('/f/:name', async request => remember(request.url, request.body));
const app = express();
app.use(express.json());
app.post('/e/:name', (request, response) => response.json(remember(request.url, request.body)));

const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
const call = (port, path) =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify({ name: path, items: [1, 2, { deep: path }] });
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const request = http.request({ port, path, method: 'POST', agent, headers }, response => response.resume().on('end', resolve));
    request.on('error', reject).end(body);
  });

async function main([requests, ...outs]) {
  await fastify.listen({ port: 0 });
  const server = app.listen(0);
  await new Promise(resolve => server.once('listening', resolve));
  const ports = [fastify.server.address().port, server.address().port];
  let sent = 0;
  const worker = async until => {
    while (sent < until) {
      const n = sent++;
      await call(ports[n % 2], `/${'fe'[n % 2]}/${n}`);
    }
  };
  for (const [round, out] of outs.entries()) {
    await Promise.all(Array.from({ length: 20 }, () => worker((round + 1) * +requests)));
    v8.writeHeapSnapshot(out);
  }
  process.exit(0);
}
main(process.argv.slice(2));
