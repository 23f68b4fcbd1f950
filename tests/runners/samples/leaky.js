'use strict';
// What the samples test: a handler that leaks, and one that does not. As a user's module: it runs in the context that the runner gives it.

class Session {
  constructor(id) {
    this.id = id;
    this.data = new Array(16).fill(id);
  }
}

const sessions = new Map();

/** Keeps every session. */
exports.leaks = (id) => {
  sessions.set(`s${id}-${sessions.size}`, new Session(id));
};

/** Lets go of it. */
exports.fixed = (id) => {
  const key = `s${id}`;
  sessions.set(key, new Session(id));
  sessions.delete(key);
};

exports.Session = Session;
