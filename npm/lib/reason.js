'use strict';
module.exports = { find: async () => null };
