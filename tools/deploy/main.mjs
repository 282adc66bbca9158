#!/usr/bin/env node
// @ts-check
import { parseArgs } from 'node:util';
import { accepted, refused } from './chart.mjs';
import { ROOT, run, runBeside, withoutCluster, withoutEngine } from './commands.mjs';
import { stack } from './compose.mjs';
import { APPS, images } from './images.mjs';
import { whole } from './release.mjs';

/* Tries the deployment on a real engine and a real cluster. What cannot be tried says why, and counts as neither. */

const HELP = `npm run test:deploy -- [--only images,compose,chart,release] [--tag TAG] [--previous TAG]

  images   builds every image with the engine (DOCKER_HOST) and looks at what came out
  compose  docker compose up --build --wait, an answer, two replicas of each, a killed one, an upgrade, down
  chart    the API server (KUBECONFIG) judges what every file of k8s/switchyard/ci makes
  release  helm install with the values of production, helm test, restarts, an upgrade and a rollback under load while pods
           are killed, uninstall

  --tag TAG        tag of the images (deploy-test)
  --previous TAG   tag of images of the version before; unset: the same images under a second tag

From the environment: DEPLOY_LOAD, the command that brings images into the cluster (their names are appended: 'kind load
docker-image'; unset: the cluster has them); DOCKER, KUBECTL and HELM where they are called otherwise; NODE_IMAGE, NATS_IMAGE,
POSTGRES_IMAGE, REDIS_IMAGE in the place of those that the files name; DEPLOY_NFT, a command that reads rules in the network
of a node without a policy engine ('nft -f -'), so that policies are enforced there; DEPLOY_KEEP=true leaves the release.
It uses the namespaces switchyard-deploy-{app,servers,check} and the Compose project switchyard-deploy-test, and removes them.
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'images,compose,chart,release' },
    tag: { type: 'string', default: 'deploy-test' },
    previous: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const only = values.only.split(',');
const { tag } = values;
const previous = values.previous ?? `${tag}-before`;

/** The images of both versions, in the cluster. @param {(line: string) => void} say */
async function loaded(say) {
  if (values.previous === undefined) {
    for (const app of APPS) run(['docker', 'tag', `switchyard-${app}:${tag}`, `switchyard-${app}:${previous}`]);
    say('no --previous: the version before is the same one under another tag');
  }
  const command = (process.env['DEPLOY_LOAD'] ?? '').split(/\s+/).filter(Boolean);
  if (command.length === 0) return;
  const names = APPS.flatMap((app) => [`switchyard-${app}:${previous}`, `switchyard-${app}:${tag}`]);
  const servers = ['NATS_IMAGE', 'POSTGRES_IMAGE', 'REDIS_IMAGE'].flatMap((name) => process.env[name] ?? []);
  await runBeside([...command, ...names, ...servers], { limitMs: 1_800_000 });
}

/** @type {[string, () => string | undefined, (say: (line: string) => void) => unknown][]} */
const STAGES = [
  ['images', withoutEngine, (say) => images(say, tag)],
  ['compose', withoutEngine, stack],
  ['chart', withoutCluster, async (say) => (await accepted(say), refused(say))],
  [
    'release',
    () => withoutEngine() ?? withoutCluster(),
    async (say) => (await loaded(say), await whole(say, { previous, current: tag })),
  ],
];

process.chdir(ROOT);
let failed = 0;
for (const [name, missing, stage] of STAGES.filter(([name]) => only.includes(name))) {
  const why = missing();
  if (why !== undefined) {
    console.log(`${name}: skipped: ${why}`);
    continue;
  }
  const at = Date.now();
  console.log(`${name}: begins`);
  try {
    await stage((line) => console.log(`${name}: ${line}`));
    console.log(`${name}: passed in ${Math.round((Date.now() - at) / 1_000)} s`);
  } catch (error) {
    failed += 1;
    console.log(`${name}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;
