// @ts-check
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { helm } from '../chart/borrowed.mjs';

/*
 * The programs that the deployment is tried with. Each may be a command of several words, for a cluster that is reached in
 * some other way:  KUBECTL='ssh node kubectl'. Docker takes DOCKER_HOST, kubectl and helm take KUBECONFIG, as always.
 */

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const words = (/** @type {string} */ text) => text.split(/\s+/).filter(Boolean);

/** @returns {string[]} */
function helmWords() {
  if (process.env['HELM']) return words(process.env['HELM']);
  return [helm().path ?? 'helm'];
}

/** @type {Record<'docker' | 'kubectl' | 'helm', () => string[]>} */
const PROGRAMS = {
  docker: () => words(process.env['DOCKER'] ?? 'docker'),
  kubectl: () => words(process.env['KUBECTL'] ?? 'kubectl'),
  helm: helmWords,
};

/** @typedef {{input?: string, env?: Record<string, string>, limitMs?: number}} Options */

/**
 * What a command came to; it never throws for what the command says.
 * @param {string[]} command
 * @param {Options} [options]
 */
export function attempt([program, ...args], { input, env = {}, limitMs = 600_000 } = {}) {
  const done = spawnSync(program ?? '', args, {
    cwd: ROOT,
    input: input ?? '',
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: limitMs,
    maxBuffer: 1 << 28,
  });
  return { ok: done.status === 0, text: done.stdout ?? '', said: `${done.stderr ?? ''}${done.error?.message ?? ''}` };
}

/** Its output; what it says of a failure is the error. @param {string[]} command @param {Options} [options] */
export function run(command, options) {
  const { ok, text, said } = attempt(command, options);
  if (!ok) throw new Error(`${command.slice(0, 6).join(' ')}: ${(said || text).trim().slice(-2_000)}`);
  return text;
}

/** The same, while others go on. @param {string[]} command @param {Options} [options] @returns {Promise<string>} */
export async function runBeside([program, ...args], { input, env = {}, limitMs = 1_200_000 } = {}) {
  const child = spawn(program ?? '', args, { cwd: ROOT, env: { ...process.env, ...env }, timeout: limitMs });
  let text = '';
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
  child.stderr.setEncoding('utf8').on('data', (part) => (said += part));
  child.stdin.end(input ?? '');
  const [status] = await once(child, 'close');
  if (status !== 0)
    throw new Error(`${[program, ...args].slice(0, 6).join(' ')}: ${(said || text).trim().slice(-2_000)}`);
  return text;
}

export const docker = (/** @type {string[]} */ ...args) => run([...PROGRAMS.docker(), ...args]);
export const kubectl = (/** @type {string[]} */ ...args) => run([...PROGRAMS.kubectl(), ...args]);
export const helmOf = (/** @type {string[]} */ ...args) => [...PROGRAMS.helm(), ...args];
export const kubectlOf = (/** @type {string[]} */ ...args) => [...PROGRAMS.kubectl(), ...args];
export const dockerOf = (/** @type {string[]} */ ...args) => [...PROGRAMS.docker(), ...args];
/** Objects into the cluster. @param {string} text @param {string[]} args */
export const apply = (text, ...args) =>
  run(kubectlOf('apply', '--server-side', '--force-conflicts', ...args, '-f', '-'), { input: text });

/** Why there is no engine to try on; undefined: there is one. */
export function withoutEngine() {
  const { ok, said } = attempt(dockerOf('info', '--format', '{{.ServerVersion}}'), { limitMs: 15_000 });
  return ok ? undefined : `no container engine answers (${said.trim().split('\n').at(-1)})`;
}

/** Why there is no cluster to try on; undefined: there is one. */
export function withoutCluster() {
  const { ok, said } = attempt(kubectlOf('get', '--raw', '/readyz'), { limitMs: 30_000 });
  if (!ok) return `no cluster answers (${said.trim().split('\n').at(-1)})`;
  return attempt(helmOf('version', '--short')).ok ? undefined : 'there is no helm';
}

export const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
