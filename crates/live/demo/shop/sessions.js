'use strict';

const crypto = require('crypto');

class Session {
  constructor(id, user, tags) {
    this.id = id;
    this.user = user;
    this.token = crypto.randomBytes(96).toString('base64');
    this.tags = tags;
    this.at = Date.now();
  }
}

class SessionCache {
  byId = new Map();

  find(cookie) {
    const sid = /(?:^|; )sid=([0-9a-f]+)/.exec(cookie || '');
    return sid && this.byId.get(sid[1]);
  }

  start(agent) {
    const id = crypto.randomBytes(12).toString('hex');
    const session = new Session(id, { name: `guest-${id.slice(0, 6)}`, cart: [] }, ['guest', agent || 'unknown']);
    this.byId.set(id, session);
    return session;
  }
}

module.exports = { Session, SessionCache };
