// @ts-check
import { attempt, dockerOf, run, runBeside, sleep } from './commands.mjs';

/* The Compose file, from nothing to an answer and away again. Whoever asks is inside the stack: no port is needed here. */

const PROJECT = 'switchyard-deploy-test';
const compose = (/** @type {string[]} */ ...args) => dockerOf('compose', '--project-name', PROJECT, ...args);
const ENV = { GATEWAY_PORT: process.env['DEPLOY_GATEWAY_PORT'] ?? '18000-18009' };
const TASK = 'What is the weather in London, and what is 17% of 2340?';

/** Asks the gateway from inside it; the answer as text. @param {string} path @param {string} task @param {string} user */
const asking = (path, task, user) =>
  compose(
    'exec',
    '-T',
    'gateway',
    'node',
    '-e',
    `fetch('http://127.0.0.1:8000${path}', { method: 'POST', headers: { 'x-user-id': '${user}', 'content-type': 'application/json' },
      body: JSON.stringify({ task: '${task}' }) }).then(async (answer) => console.log(answer.status, await answer.text()))`,
  );

/** @param {string} text */
function holds(text) {
  if (!/^200 /.test(text) || !text.includes('397.8'))
    throw new Error(`not the answer of the README: ${text.slice(0, 400)}`);
}

const seconds = (/** @type {number} */ since) => `${((Date.now() - since) / 1_000).toFixed(1)} s`;

/** @param {(line: string) => void} say */
export async function stack(say) {
  run(['infra/compose-secrets']);
  try {
    let at = Date.now();
    await runBeside(compose('up', '--build', '--wait'), { env: ENV, limitMs: 3_600_000 });
    say(`up --build --wait: ${seconds(at)}`);
    for (const line of run(compose('ps', '--format', '{{.Service}} {{.Health}}'), { env: ENV })
      .trim()
      .split('\n'))
      if (!line.endsWith(' healthy')) throw new Error(`not healthy: ${line}`);
    at = Date.now();
    holds(run(asking('/orchestrate', TASK, 'ada'), { env: ENV }));
    say(`the run of the README: ${seconds(at)}, with the start of the program that asks`);
    const stream = run(asking('/orchestrate/stream', TASK, 'ada'), { env: ENV });
    if (!/^id: .+:\d+$/m.test(stream)) throw new Error(`a stream without cursors: ${stream.slice(0, 400)}`);
    at = Date.now();
    const scale = ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit'].flatMap((name) => ['--scale', `${name}=2`]);
    await runBeside(compose('up', '--wait', ...scale), { env: ENV });
    say(`two replicas of each service: ${seconds(at)}`);
    await killed(say);
    at = Date.now();
    await runBeside(compose('up', '--build', '--wait', ...scale, '--force-recreate'), { env: ENV, limitMs: 3_600_000 });
    holds(run(asking('/orchestrate', TASK, 'ada'), { env: ENV }));
    say(`an upgrade (all containers anew): ${seconds(at)}`);
    say(run(dockerOf('stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}}')).trim());
  } catch (error) {
    // Containers are about to go, and with them what they said.
    say(attempt(compose('logs', '--tail', '15', '--no-color'), { env: ENV }).text);
    throw error;
  } finally {
    const at = Date.now();
    const { ok, said } = attempt(compose('--profile', '*', 'down', '--volumes'), { env: ENV });
    if (ok) say(`down: ${seconds(at)}`);
    else say(`could not be taken down: ${said}`);
  }
  const left = run(dockerOf('ps', '-aq', '--filter', `label=com.docker.compose.project=${PROJECT}`)).trim();
  if (left !== '') throw new Error(`down left containers: ${left}`);
}

/** An orchestrator dies while it works; every run comes to its end. @param {(line: string) => void} say */
async function killed(say) {
  const at = Date.now();
  const runs = Array.from({ length: 6 }, (_, n) => runBeside(asking('/orchestrate', TASK, `user-${n}`), { env: ENV }));
  await sleep(150);
  const [first] = run(compose('ps', '-q', 'orchestrator'), { env: ENV })
    .trim()
    .split('\n');
  run(dockerOf('kill', '--signal', 'KILL', first ?? ''));
  for (const text of await Promise.all(runs)) holds(text);
  say(`six runs while an orchestrator is killed: all answered, the last after ${seconds(at)}`);
  await runBeside(compose('up', '--wait', '--no-recreate', '--scale', 'orchestrator=2'), { env: ENV });
}
