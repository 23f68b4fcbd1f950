'use strict';

const { EventEmitter } = require('events');

const bus = new EventEmitter();
bus.setMaxListeners(0);

function startClock() {
  setInterval(() => bus.emit('tick', Date.now()), 1000);
}

module.exports = { bus, startClock };
