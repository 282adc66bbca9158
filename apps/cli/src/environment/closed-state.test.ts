import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { closeState } from './closed-state.ts';
import { workspaceOf } from './workspace.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'switchyard-closed-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(join(root, path)).mode & 0o777;
const passage = process.getuid?.() === 0 ? 0o711 : 0o700;

describe('the state folder of a clone', () => {
  it('is closed where an earlier version left it open, and so is the log tree', () => {
    for (const folder of ['log', 'stamps', 'data/redis', 'data/nats'])
      mkdirSync(join(root, '.switchyard', folder), { recursive: true, mode: 0o755 });
    mkdirSync(join(root, 'logs'), { mode: 0o755 });
    for (const file of ['status.json', 'data/postgres.log']) {
      writeFileSync(join(root, '.switchyard', file), '');
      chmodSync(join(root, '.switchyard', file), 0o644);
    }
    closeState(workspaceOf(root));
    const folders = ['log', 'stamps', 'data/redis', 'data/nats'].map((folder) => modeOf(join('.switchyard', folder)));
    expect(folders).toEqual([0o700, 0o700, 0o700, 0o700]);
    expect(modeOf('logs')).toBe(0o700);
    expect([modeOf('.switchyard/status.json'), modeOf('.switchyard/data/postgres.log')]).toEqual([0o600, 0o600]);
    // What runs under an account of its own still reaches its data, and lists nothing on the way.
    expect([modeOf('.switchyard'), modeOf('.switchyard/data')]).toEqual([passage, passage]);
  });

  it('is made closed, and a link in it is not followed', () => {
    closeState(workspaceOf(root));
    expect(modeOf('.switchyard')).toBe(passage);
    mkdirSync(join(root, 'elsewhere'), { mode: 0o755 });
    symlinkSync(join(root, 'elsewhere'), join(root, '.switchyard', 'link'));
    closeState(workspaceOf(root));
    expect(modeOf('elsewhere')).toBe(0o755);
  });
});
