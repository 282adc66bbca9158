import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import preset from './jest.preset.js';

const root = import.meta.dirname;

/** Every workspace with tests is one project; a new app or library needs no line here. */
const projects = ['libs', 'apps'].flatMap((group) =>
  readdirSync(join(root, group))
    .map((name) => join(root, group, name))
    .filter((folder) => existsSync(join(folder, 'jest.config.js'))),
);

/**
 * Integration tests start real servers: two workers are what two cores carry without false timeouts. A worker keeps the
 * modules of every file that it has run; one that holds too much is replaced before the collector takes over its core.
 */
export default { projects, maxWorkers: 2, workerIdleMemoryLimit: '1500MB', testTimeout: preset.testTimeout };
