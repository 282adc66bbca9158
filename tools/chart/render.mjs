// @ts-check
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parseAllDocuments } from 'yaml';
import { helm } from './borrowed.mjs';

export const CHART = fileURLToPath(new URL('../../k8s/switchyard', import.meta.url));
export const VALUES = readdirSync(join(CHART, 'ci')).map((file) => basename(file, '-values.yaml'));
export const valuesFile = (/** @type {string} */ name) => join(CHART, 'ci', `${name}-values.yaml`);

/** Kinds that a cluster may know or not; without a cluster helm is told that it does. */
const KNOWN = ['monitoring.coreos.com/v1', 'keda.sh/v1alpha1', 'gateway.networking.k8s.io/v1'];
const tool = helm();
export const missing = tool.missing ?? false;

/** @param {string[]} args */
export function callHelm(...args) {
  const done = spawnSync(tool.path ?? '', args, { encoding: 'utf8', maxBuffer: 1 << 28, timeout: 60_000 });
  return { status: done.status, text: done.stdout, said: done.stderr };
}

/**
 * @param {string} name of a file of ci/
 * @param {readonly string[]} [sets] further values, as `a.b=c` in JSON
 * @param {readonly string[]} [apis]
 */
export function template(name, sets = [], apis = KNOWN) {
  return callHelm(
    ...['template', 'sy', CHART, '-f', valuesFile(name), '--namespace', 'apps', '--kube-version', '1.33.0'],
    ...apis.flatMap((api) => ['--api-versions', api]),
    ...sets.flatMap((set) => ['--set-json', set]),
  );
}

/** @type {Map<string, any[]>} */
const rendered = new Map();

/** The objects, parsed; an error of helm is one here. @param {string} name @param {readonly string[]} [sets] @returns {any[]} */
export function objects(name, sets = []) {
  const key = [name, ...sets].join(' ');
  const known = rendered.get(key);
  if (known !== undefined) return known;
  const { status, text, said } = template(name, sets);
  if (status !== 0) throw new Error(said);
  const documents = parseAllDocuments(text, { uniqueKeys: true });
  for (const { errors } of documents) if (errors[0]) throw errors[0];
  const made = documents.map((document) => document.toJS()).filter((object) => object !== null);
  rendered.set(key, made);
  return made;
}

/** Every pod that objects make: whose it is, and what its template says. @param {any[]} all */
export const podsOf = (all) =>
  all.flatMap((object) => {
    const pod = object.kind === 'Pod' ? object : object.spec?.template;
    return pod?.spec?.containers === undefined
      ? []
      : [{ name: `${object.kind} ${object.metadata.name}`, object, metadata: pod.metadata, spec: pod.spec }];
  });

/** @type {Map<string, ReturnType<typeof makeValidator>>} */
const validators = new Map();

/** Says what is wrong with an object by the schemas in a folder; undefined: it has none for this kind. @param {string} folder */
export function validator(folder) {
  const made = validators.get(folder) ?? makeValidator(folder);
  validators.set(folder, made);
  return made;
}

/** @param {string} folder */
function makeValidator(folder) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema(JSON.parse(readFileSync(join(folder, '_definitions.json'), 'utf8')), '/api/_definitions.json');
  const files = new Set(readdirSync(folder));
  return (/** @type {any} */ object) => {
    const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
    const file = [object.kind.toLowerCase(), ...(group ? [group.split('.')[0]] : []), version].join('-');
    if (!files.has(`${file}.json`)) return undefined;
    const check =
      ajv.getSchema(file) ??
      ajv.addSchema(JSON.parse(readFileSync(join(folder, `${file}.json`), 'utf8')), file).getSchema(file);
    if (check?.(object)) return [];
    return (check?.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}
