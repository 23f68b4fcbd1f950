'use strict';
// Judges one case of the corpus with the package beside it: judge.js CASE leak|fixed [OPTIONS as JSON]. Prints one line of JSON.

const path = require('path');
const { measureGrowth } = require(process.env.HEAPWHY_PACKAGE || '../../npm');

async function main([name, variant, options]) {
  const program = await require(path.join(__dirname, 'cases', `${name}.js`)).setup(variant === 'leak');
  const result = await measureGrowth((call) => program.run(call), JSON.parse(options || '{"explain":"never"}'));
  const used = process.cpuUsage();
  const { verdict, why, calls, grew, counted, reason, steps } = result;
  const told = { verdict, why, calls, grew, counted, reason, steps, cpu: (used.user + used.system) / 1e6 };
  process.stdout.write(`${JSON.stringify(told)}\n`);
  if (program.teardown) await program.teardown();
  process.exit(0);
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(2);
});
