#!/usr/bin/env node
// @ts-check
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { foldersOf } from './pack.mjs';

/*
 * Writes beside the images what is in each, for scanners:  node infra/sbom.mjs FOLDER gateway migrate …
 * CycloneDX as `npm sbom` makes it of the lock file, cut down to the packages that pack.mjs puts into the image. What the
 * base image brings is not in it; scan that by its digest.
 */

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What npm says of the whole workspace. */
export function workspaceBom() {
  const args = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'];
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`npm sbom: ${stderr}`);
  return JSON.parse(stdout);
}

const nameOf = (/** @type {string} */ folder) => {
  const { name, version } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
  return `${name}@${version}`;
};

/** @param {any} bom of the workspace @param {string} app @param {string} version of the image */
export function imageBom(bom, app, version) {
  const packed = new Set(foldersOf(app).map(nameOf));
  const known = (/** @type {{'bom-ref': string}} */ component) => packed.has(component['bom-ref']);
  const name = `switchyard-${app}`;
  const self = { 'bom-ref': name, type: 'container', name, version };
  const components = bom.components.filter(known);
  const named = new Set(components.map((/** @type {any} */ component) => component['bom-ref']));
  const missing = [...packed].filter((one) => !named.has(one));
  if (missing.length > 0) throw new Error(`npm sbom does not know what ${name} holds: ${missing.join(', ')}`);
  const dependencies = bom.dependencies
    .filter((/** @type {any} */ { ref }) => packed.has(ref))
    .map((/** @type {any} */ { ref, dependsOn }) => ({
      ref,
      dependsOn: dependsOn.filter((/** @type {string} */ one) => packed.has(one)),
    }));
  return {
    ...bom,
    serialNumber: `urn:uuid:${randomUUID()}`,
    metadata: { ...bom.metadata, component: self },
    components,
    dependencies: [{ ref: name, dependsOn: [...packed] }, ...dependencies],
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [into, version, ...apps] = process.argv.slice(2);
  if (into === undefined || version === undefined || apps.length === 0) {
    process.stderr.write('usage: node infra/sbom.mjs FOLDER VERSION APP…\n');
    process.exit(64);
  }
  mkdirSync(into, { recursive: true });
  const bom = workspaceBom();
  for (const app of apps)
    writeFileSync(
      join(into, `switchyard-${app}.cdx.json`),
      `${JSON.stringify(imageBom(bom, app, version), null, 2)}\n`,
    );
}
