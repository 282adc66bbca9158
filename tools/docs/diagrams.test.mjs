import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

const isService = (app) => existsSync(join(root, 'apps', app, 'src', `${app}.module.ts`));

it('the diagram of the README connects every service with the bus, and shows no other service', () => {
  const [, diagram] = readFileSync(join(root, 'README.md'), 'utf8').match(/```mermaid\n([\s\S]*?)```/);
  const joined = [...diagram.matchAll(/^\s*(\S+) <--> (\S+?)(?:\(\[.*)?$/gm)].map(([, from, to]) => [from, to]);
  const services = joined.filter((ends) => ends.includes('bus')).map(([from, to]) => (from === 'bus' ? to : from));
  assert.deepEqual(services.sort(), readdirSync(join(root, 'apps')).filter(isService).sort());
});
