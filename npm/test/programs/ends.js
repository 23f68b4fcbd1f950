'use strict';
// A function that ends the process while it is judged, with the exit code for success.
const { expectNoGrowth } = require('../..');

expectNoGrowth((call) => {
  if (call === 50) process.exit(0);
});
