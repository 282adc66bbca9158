// @ts-check
import { attempt, docker, dockerOf, run, runBeside } from './commands.mjs';

/* Are the images what infra/README.md says they are? */

export const APPS = [
  'migrate',
  'gateway',
  'orchestrator',
  'mcp-tool',
  'a2a',
  'audit',
  'xmpp-bridge',
  'dev-model',
  'mock-a2a',
];
const MEGABYTE = 1_000_000;
/** Unpacked, with its base. */
const MOST_MB = 350;

/** @param {string} image */
const sizeMb = (image) => Math.round(JSON.parse(docker('image', 'inspect', image))[0].Size / MEGABYTE);
/** The base as it was built on: the layers that an image shares with it. @param {string} image */
const inspect = (image) => JSON.parse(docker('image', 'inspect', image))[0];

/** What is wrong with an image; nothing: []. @param {string} image @param {string} tag */
function faults(image, tag) {
  const { Config } = inspect(image);
  const wrong = [];
  if (!/^[1-9]\d*:[1-9]\d*$/.test(Config.User)) wrong.push(`its user is ${Config.User || 'root'}`);
  if (Config.Healthcheck === undefined) wrong.push('it has no health check');
  for (const label of ['title', 'version', 'revision', 'source', 'licenses'])
    if (Config.Labels?.[`org.opencontainers.image.${label}`] === undefined) wrong.push(`it has no label ${label}`);
  if (Config.Labels?.['org.opencontainers.image.version'] !== tag) wrong.push('its version is not its tag');
  const asked = attempt(
    dockerOf(
      'run',
      '--rm',
      '--pull',
      'never',
      '--read-only',
      '--cap-drop',
      'ALL',
      '--entrypoint',
      'sh',
      image,
      '-c',
      FOREIGN,
    ),
  );
  if (!asked.ok) wrong.push(`it does not start: ${asked.said.trim()}`);
  else if (asked.text.trim() !== '') wrong.push(`it holds ${asked.text.trim().split('\n').slice(0, 3).join(', ')}`);
  return wrong;
}

/** Files that nobody runs: tests, sources, what belongs to development. */
const FOREIGN =
  "find /app -name '*.test.*' -o -path '*/node_modules/jest*' -prune -o -path '/app/*/src/*.ts' -o -name tsconfig.json -path '/app/apps/*'";

/** @param {(line: string) => void} say @param {string} tag */
export async function images(say, tag) {
  const before = Date.now();
  await runBeside(['infra/build-images', '--tag', tag], { limitMs: 3_600_000 });
  say(`built in ${Math.round((Date.now() - before) / 1_000)} s`);
  const wrong = APPS.flatMap((app) =>
    faults(`switchyard-${app}:${tag}`, tag).map((fault) => `switchyard-${app}: ${fault}`),
  );
  const base = run(dockerOf('image', 'inspect', '--format', '{{.Size}}', process.env['NODE_IMAGE'] ?? baseOf()), {});
  const baseMb = Math.round(Number(base) / MEGABYTE);
  for (const app of APPS) {
    const own = sizeMb(`switchyard-${app}:${tag}`);
    say(`switchyard-${app}: ${own} MB, ${own - baseMb} MB over its base`);
    if (own > MOST_MB) wrong.push(`switchyard-${app}: ${own} MB is more than ${MOST_MB} (its base has ${baseMb})`);
  }
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
}

/** The base of the Dockerfile, by name: after a build the engine has it. */
const baseOf = () => run(['sed', '-n', 's/^ARG NODE_IMAGE=//p', 'infra/Dockerfile'], {}).trim();
