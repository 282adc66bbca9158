// @ts-check
import { ONE_VERSION, READ_LICENCES, SHIPPED_LICENCES, TOOL_LICENCES } from './rules.mjs';

/*
 * Judges a lock file. Pure. Guarantees, each a rule that the review ends with:
 *  - Every package comes from the registry, with the hash of what was reviewed.
 *  - A package with an install script is named, and denied, in `allowScripts` of package.json.
 *  - Every licence is one of those allowed for what the package is used for.
 *  - What guards something is there once, and nothing of ours asks for a range of versions.
 */

/**
 * @typedef {{version?: string, name?: string, resolved?: string, integrity?: string, license?: string, link?: boolean,
 *   dev?: boolean, optional?: boolean, devOptional?: boolean, hasInstallScript?: boolean,
 *   dependencies?: Record<string, string>, devDependencies?: Record<string, string>}} Entry
 * @typedef {{lockfileVersion: number, packages: Record<string, Entry>}} Lock
 * @typedef {{allowScripts: Readonly<Record<string, boolean>>, shipped: boolean,
 *   readLicence?: (path: string) => string | undefined}} Circumstances
 */

const REGISTRY = 'https://registry.npmjs.org/';

/** `node_modules/a/node_modules/@b/c` -> `@b/c` @param {string} path */
const nameOf = (path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** True for what an image holds: images leave out development and optional packages. @param {Entry} entry */
const isShipped = ({ dev, optional, devOptional }) => !dev && !optional && !devOptional;

/**
 * What is wrong, one sentence each. `shipped`: whether anything of this lock file gets into an image. `readLicence`: the
 * licence that an installed package's own text says.
 * @param {Lock} lock @param {Circumstances} circumstances
 */
export function reviewLock(lock, { allowScripts, shipped, readLicence = () => undefined }) {
  const installed = Object.entries(lock.packages).filter(([path, { link }]) => path.includes('node_modules/') && !link);
  return [
    ...(lock.lockfileVersion === 3 ? [] : [`lockfileVersion is ${lock.lockfileVersion}; the review knows 3`]),
    ...installed.flatMap(([path, entry]) => [
      ...origin(path, entry),
      ...script(path, entry, allowScripts),
      ...licence(path, entry, shipped && isShipped(entry), readLicence(path)),
    ]),
    ...Object.entries(lock.packages).flatMap(([path, entry]) => ranges(path, entry)),
    ...(shipped ? versions(installed) : []),
  ];
}

/** @param {string} path @param {Entry} entry */
function origin(path, { resolved, integrity = '' }) {
  const wrong = [];
  if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity)) wrong.push(`${path} has no SHA-512 hash`);
  if (resolved !== undefined && !resolved.startsWith(REGISTRY)) wrong.push(`${path} comes from ${resolved}`);
  return wrong;
}

/** @param {string} path @param {Entry} entry @param {Circumstances['allowScripts']} allowScripts */
function script(path, { hasInstallScript }, allowScripts) {
  if (!hasInstallScript) return [];
  const allowed = allowScripts[nameOf(path)];
  if (allowed === undefined)
    return [`${path} has an install script: look at what it does, and name it in allowScripts of package.json`];
  return allowed ? [`${path} may run its install script; nothing here needs one (--ignore-scripts)`] : [];
}

/** @param {string} path @param {Entry} entry @param {boolean} isInImage @param {string | undefined} read */
function licence(path, { license }, isInImage, read) {
  const unnamed = license === undefined || license.startsWith('SEE LICENSE');
  const known = /** @type {Record<string, string>} */ (READ_LICENCES)[nameOf(path)];
  if (unnamed && known === undefined) return [`${path} names no licence: read its LICENSE, and note it in rules.mjs`];
  if (unnamed && read !== undefined && read !== known)
    return [`${path} is noted as ${known}, and its LICENSE says ${read}`];
  const expression = unnamed ? String(known) : license;
  const allowed = isInImage ? SHIPPED_LICENCES : TOOL_LICENCES;
  const where = isInImage ? 'in an image' : 'for building and testing';
  return isAllowed(expression, allowed) ? [] : [`${path} is under ${expression}, which is not allowed ${where}`];
}

/** `(A AND B) OR C`, without nesting: one of the alternatives, with all that it asks for. */
function isAllowed(/** @type {string} */ expression, /** @type {readonly string[]} */ allowed) {
  const alternatives = expression.replace(/[()]/g, '').split(/ or /i);
  return alternatives.some((each) => each.split(/ and /i).every((name) => allowed.includes(name.trim())));
}

/** What we ask for ourselves, the root and its workspaces, in exact versions. @param {string} path @param {Entry} entry */
function ranges(path, { dependencies = {}, devDependencies = {} }) {
  if (path.includes('node_modules/')) return [];
  return Object.entries({ ...dependencies, ...devDependencies })
    .filter(([, wanted]) => !/^(npm:(@[^/]+\/)?[^@]+@)?\d+\.\d+\.\d+(-[\w.-]+)?$/.test(wanted))
    .map(([name, wanted]) => `${path || 'package.json'} asks for ${name} ${wanted}, and not for one version`);
}

/** @param {readonly [string, Entry][]} installed */
function versions(installed) {
  return ONE_VERSION.flatMap((name) => {
    const found = installed.filter(([path, entry]) => nameOf(path) === name && isShipped(entry));
    const distinct = [...new Set(found.map(([, { version }]) => version))];
    return distinct.length > 1 ? [`${name} is there in ${distinct.length} versions: ${distinct.join(', ')}`] : [];
  });
}
