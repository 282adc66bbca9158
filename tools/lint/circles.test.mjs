import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { ARROWS } from './boundaries.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The sources of a project, relative to the root: no tests, nothing that is generated. */
function sourcesOf(project) {
  return readdirSync(join(root, project, 'src'), { recursive: true })
    .map((file) => `${project}/src/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.ts') && !/\.(test|fixture)\.ts$|\/generated\//.test(file));
}

/** What a source imports by path: values, types, and what is loaded later. */
function importsOf(file) {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), 'utf8'), true, true);
  return importedFiles
    .map(({ fileName }) => fileName)
    .filter((path) => path.startsWith('.'))
    .map((path) => join(dirname(file), path));
}

/** Groups of nodes each of which reaches each other (Tarjan). */
function circlesOf(graph) {
  const circles = [];
  const order = new Map();
  const lowest = new Map();
  const open = [];
  const visit = (node) => {
    order.set(node, order.size);
    lowest.set(node, order.get(node));
    open.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (open.includes(next)) lowest.set(node, Math.min(lowest.get(node), lowest.get(next)));
    }
    if (lowest.get(node) !== order.get(node)) return;
    const circle = open.splice(open.indexOf(node));
    if (circle.length > 1 || (graph.get(node) ?? []).includes(node)) circles.push(circle);
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return circles;
}

describe('circles of files', () => {
  it('are found, also a long one and one of a single file', () => {
    const graph = { a: ['b'], b: ['c', 'd'], c: ['a'], d: ['e'], e: ['d'], f: ['f'], g: ['a', 'f'] };
    const found = circlesOf(new Map(Object.entries(graph))).map((circle) => circle.sort().join(''));
    assert.deepEqual(found.sort(), ['abc', 'de', 'f']);
  });

  for (const project of Object.keys(ARROWS)) {
    it(`are none in ${project}, types included`, () => {
      const graph = new Map(sourcesOf(project).map((file) => [file, importsOf(file)]));
      assert.ok(graph.size > 0);
      assert.deepEqual(circlesOf(graph), []);
    });
  }
});
