// Preloaded into a service that is measured with --profile: SIGUSR2 begins a CPU profile, the next one ends and writes
// it. So a profile holds the measured load alone, and neither the start of the process nor its end.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

const SAMPLE_US = 500;
const session = new Session();
session.connect();
const post = (method, params) =>
  new Promise((resolve, reject) =>
    session.post(method, params, (error, result) => (error ? reject(error) : resolve(result))),
  );

let running = false;
process.on('SIGUSR2', async () => {
  running = !running;
  if (running) {
    await post('Profiler.enable');
    await post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
    await post('Profiler.start');
  } else {
    const { profile } = await post('Profiler.stop');
    writeFileSync(process.env.BENCH_PROFILE, JSON.stringify(profile));
  }
});
