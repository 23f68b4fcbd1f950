'use strict';
// A small shop: product pages over HTTP, rendered once and cached, one session per visitor.

const http = require('http');
const { bus, startClock } = require('./bus');
const { PageCache } = require('./pages');
const { SessionCache } = require('./sessions');

const SLOW_MS = 10000;

const sessions = new SessionCache();
const pages = new PageCache(500);
const slow = { requests: 0, last: '' };

function watch(url) {
  const started = Date.now();
  let open = true;
  bus.on('tick', function onTick(now) {
    if (open && now - started > SLOW_MS) {
      open = false;
      slow.requests += 1;
      slow.last = url;
    }
  });
  return () => { open = false; };
}

function handle(req, res) {
  res.on('finish', watch(req.url));
  const session = sessions.find(req.headers.cookie) || sessions.start(req.headers['user-agent']);
  const product = /^\/product\/(\d+)$/.exec(req.url);
  if (product) {
    reply(res, 200, session, pages.get(Number(product[1])).html);
  } else if (req.url === '/health') {
    reply(res, 200, session, `ok, ${slow.requests} slow ${slow.last}\n`);
  } else {
    reply(res, 404, session, 'not found\n');
  }
}

function reply(res, status, session, body) {
  res.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Set-Cookie': `sid=${session.id}; HttpOnly; SameSite=Lax`,
  });
  res.end(body);
}

const server = http.createServer(handle);
server.listen(0, '127.0.0.1', () => {
  console.log(`shop: listening on http://127.0.0.1:${server.address().port}`);
});
startClock();

// Whoever started us holds our stdin; when it goes, so do we.
process.stdin.on('error', () => process.exit(0));
process.stdin.on('close', () => process.exit(0));
process.stdin.resume();
