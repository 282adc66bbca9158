// @ts-check
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * A copy of this clone, built as the clone is, in which a test may change files of the libraries and of some apps; of the
 * others it holds what is built. It shares the installed packages and nothing else.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['apps', 'libs', 'tools/gen', 'docs', 'infra', 'k8s'];
const LIMIT_MS = 600_000;

export class Scratch {
  /** @param {string} root */
  constructor(root) {
    this.root = root;
  }

  /** @param {readonly string[]} apps those of which the sources are copied */
  static make(apps) {
    const root = mkdtempSync(join(tmpdir(), 'switchyard-recipe-'));
    for (const folder of COPIED)
      cpSync(join(ROOT, folder), join(root, folder), {
        recursive: true,
        preserveTimestamps: true, // what is not changed counts as built
        filter: (source) => isWanted(relative(ROOT, source), apps),
      });
    for (const { name } of readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isFile()))
      cpSync(join(ROOT, name), join(root, name), { preserveTimestamps: true });
    linkPackages(root);
    return new Scratch(root);
  }

  /** @param {string} path */
  read(path) {
    return readFileSync(join(this.root, path), 'utf8');
  }

  /** @param {string} path @param {string} text */
  write(path, text) {
    writeFileSync(join(this.root, path), text);
  }

  /** Puts `added` after the first place of `mark`. @param {string} path @param {string} mark @param {string} added */
  insert(path, mark, added) {
    const text = this.read(path);
    const at = text.indexOf(mark);
    if (at < 0) throw new Error(`${path} does not say ${mark} any more: change the recipe here and in CONTRIBUTING.md`);
    this.write(path, text.slice(0, at + mark.length) + added + text.slice(at + mark.length));
  }

  /** Runs Node.js in the copy; rejects with all that it said where it fails. @param {string[]} args */
  node(...args) {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, { cwd: this.root, timeout: LIMIT_MS });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += String(data)));
      child.on('error', reject);
      child.on('close', (code) => (code === 0 ? resolve(said) : reject(new Error(`${args.join(' ')}: ${said}`))));
    });
  }

  remove() {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** @param {string} path @param {readonly string[]} apps */
function isWanted(path, apps) {
  const [kind, name = '', part] = path.split('/');
  if (path.includes('node_modules') || (part === 'test' && kind !== 'tools')) return false;
  return kind !== 'apps' || part !== 'src' || apps.includes(name);
}

/** Every installed package by a link; ours by links into the copy. @param {string} root */
function linkPackages(root) {
  const own = join(root, 'node_modules', '@switchyard');
  mkdirSync(own, { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== '@switchyard') symlinkSync(join(ROOT, 'node_modules', name), join(root, 'node_modules', name));
  for (const kind of ['libs', 'apps'])
    for (const name of readdirSync(join(root, kind))) {
      symlinkSync(join(root, kind, name), join(own, name));
      const nested = join(ROOT, kind, name, 'node_modules');
      if (readdirSync(join(ROOT, kind, name)).includes('node_modules'))
        symlinkSync(nested, join(root, kind, name, 'node_modules'));
    }
}
