// The same types for ES modules.
export * from './index.js';
