'use strict';
const { expectNoGrowth, measureGrowth } = require('./lib/growth.js');
module.exports = { expectNoGrowth, measureGrowth };
