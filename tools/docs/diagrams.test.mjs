import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** A service is an app with a login of its own at the bus. */
const logins = readFileSync(join(root, 'infra/nats/permissions.conf'), 'utf8').matchAll(/\{ user: "([^"]+)"/g);
const services = [...logins].map(([, name]) => name).filter((name) => existsSync(join(root, 'apps', name)));

it('the diagram of the README connects every service with the bus, and shows no other service', () => {
  const [, diagram] = readFileSync(join(root, 'README.md'), 'utf8').match(/```mermaid\n([\s\S]*?)```/);
  const joined = [...diagram.matchAll(/^\s*(\S+) <--> (\S+?)(?:\(\[.*)?$/gm)].map(([, from, to]) => [from, to]);
  const drawn = joined.filter((ends) => ends.includes('bus')).map(([from, to]) => (from === 'bus' ? to : from));
  assert.deepEqual(drawn.sort(), services.sort());
});
