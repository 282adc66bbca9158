import { DOCTOR_EXIT } from '@switchyard/contracts';
import { EXIT_CONFIG, parseConfig } from '@switchyard/platform';
import { parseArgs } from 'node:util';
import { Config, unknownVariables } from './config.ts';
import { diagnose } from './doctor/index.ts';

/**
 * Runs the checks of the AZTM login with the environment of the bridge; prints one JSON document per line on stdout.
 */

const { values } = parseArgs({ options: { only: { type: 'string' }, timeout: { type: 'string', default: '5' } } });
const seconds = Number(values.timeout);
if (!(seconds > 0 && seconds <= 600) || (values.only !== undefined && !['xmpp', 'peers'].includes(values.only))) {
  process.stderr.write('usage: doctor-main.js [--only xmpp|peers] [--timeout SECONDS]\n');
  process.exit(EXIT_CONFIG);
}
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
// The doctor checks the login and sends nothing on the bus, so it needs no signing key.
const outcome = await diagnose(parseConfig(Config, { ...process.env, BUS_TRUST: 'open' }), {
  only: values.only as 'xmpp' | 'peers' | undefined,
  stepMs: seconds * 1_000,
  signal: stop.signal,
  unknown: unknownVariables(process.env),
  onCheck: (check) => process.stdout.write(`${JSON.stringify(check)}\n`),
});
process.exitCode = DOCTOR_EXIT[outcome];
