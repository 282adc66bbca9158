import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ownFiles } from './sandbox-paths.ts';
import { type Abilities, launchOf } from './sandbox.ts';
import { parseUpstreams, type UpstreamConfig } from './config.ts';

let root: string;
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-paths-')));
  for (const folder of ['app/node_modules/lib', 'app/dist', 'loose', 'bin'])
    mkdirSync(join(root, folder), { recursive: true });
  for (const file of ['app/package.json', 'app/dist/main.js', 'app/secrets.env', 'loose/main.py', 'loose/data.db'])
    writeFileSync(join(root, file), '');
  symlinkSync(join(root, 'app/dist/main.js'), join(root, 'bin/server'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const upstream = (settings: object = {}): UpstreamConfig => {
  const parsed = parseUpstreams(JSON.stringify({ upstreams: { a: { command: 'node', ...settings } } }));
  if ('mistakes' in parsed) throw new Error(JSON.stringify(parsed.mistakes));
  return parsed.upstreams[0]!;
};
const mistakes = (settings: object): string => {
  const parsed = parseUpstreams(JSON.stringify({ upstreams: { a: { command: 'node', ...settings } } }));
  return 'mistakes' in parsed ? JSON.stringify(parsed.mistakes) : '';
};
const bubblewrap = { file: '/usr/bin/bwrap', flags: [], network: true };
const MACHINE: Abilities = { isRoot: true, prlimit: '/p', setpriv: '/s', accounts: true, bubblewrap };
const launch = (settings: object, abilities: Abilities = MACHINE) =>
  launchOf(upstream(settings), abilities, { program: '/usr/bin/true', env: {}, uid: 7 });
const { bubblewrap: _none, ...BARE } = { ...MACHINE, why: 'none here' };

describe('the files that a server is shown', () => {
  const shown = (program: string, args: string[] = []) =>
    ownFiles(program, args, '/usr/bin/node').map((path) => path.replace(root, ''));

  it('are its package, and the modules beside it; of other files that its arguments name, the files alone', () => {
    expect(shown('/usr/bin/node', [join(root, 'app/dist/main.js')])).toEqual(['/app', '/app/node_modules']);
    expect(shown('/usr/bin/python3', [join(root, 'loose/main.py')])).toEqual(['/loose']);
    expect(shown('/usr/bin/node', [join(root, 'loose/data.db'), '--x', root])).toEqual(['/loose/data.db']);
  });

  it('are found through the link by which the program is called', () => {
    expect(shown(join(root, 'bin/server'))).toEqual(['/bin', '/app', '/app/node_modules']);
  });

  it('are never a home, a folder of the system or one that holds this service', () => {
    for (const path of ['/etc/passwd', '/etc/hosts'].filter((each) => realpathSync(each) === each))
      expect(ownFiles('/usr/bin/node', [path], '/usr/bin/node')).toEqual([path]);
    const all = ownFiles('/usr/bin/node', [join(process.cwd(), 'package.json')], '/usr/bin/node');
    for (const folder of ['/', '/etc', homedir(), process.cwd(), join(process.cwd(), '..')])
      expect(all).not.toContain(folder);
  });
});

describe('how a process is started', () => {
  it('withholds the network unless the operator gives it, and says where it cannot', () => {
    expect(launch({})).toMatchObject({
      args: expect.arrayContaining(['--unshare-net']),
      confinement: { network: false },
    });
    const open = launch({ sandbox: { network: true } });
    expect(open.args).not.toContain('--unshare-net');
    expect(open.confinement).toEqual({ level: 'sandbox', network: true, missing: null });
    const cannot = launch({}, { ...MACHINE, bubblewrap: { ...bubblewrap, network: false } });
    expect(cannot.confinement).toMatchObject({ network: true, missing: expect.stringContaining('network') });
  });

  it('is the best that the machine has, or refused where the operator wants a sandbox', () => {
    expect(launch({}, BARE)).toMatchObject({ uid: 7, confinement: { level: 'account', missing: 'none here' } });
    expect(launch({}, { ...BARE, accounts: false }).confinement).toMatchObject({ level: 'limits' });
    expect(launch({}, { ...BARE, accounts: false, prlimit: undefined }).confinement).toMatchObject({ level: 'none' });
    const required = { sandbox: { mode: 'required' } };
    expect(launch(required).confinement).toMatchObject({ level: 'sandbox' });
    expect(() => launch(required, BARE)).toThrow('a is started in a sandbox or not at all: none here');
    const shared = { ...MACHINE, bubblewrap: { ...bubblewrap, network: false } };
    expect(() => launch(required, shared)).toThrow('cannot withhold the network');
    expect(launch({ sandbox: { mode: 'required', network: true } }, shared).confinement.level).toBe('sandbox');
  });

  it('is as this service, with its limits, where the operator turns the sandbox off: nothing is missing then', () => {
    const off = launch({ sandbox: { mode: 'off' } });
    expect(off.confinement).toEqual({ level: 'limits', network: true, missing: null });
    expect(off.uid).toBeUndefined();
    expect(off.file).toBe('/p');
  });

  it('counts processes only where they can be told apart from those of others', () => {
    const counted = (abilities: Abilities, settings: object = {}) =>
      launch(settings, abilities).args.some((arg) => arg.startsWith('--nproc='));
    expect(counted(MACHINE)).toBe(true);
    expect(counted(BARE)).toBe(true);
    expect(counted({ ...BARE, accounts: false })).toBe(false);
    expect(counted(MACHINE, { sandbox: { mode: 'off' } })).toBe(false);
  });

  it('has the limits that were set, and arguments of the server as they stand, last', () => {
    const { args } = launch({ args: ['--dev', '; rm -rf /'], memory_mb: 64, file_mb: 1, sandbox: { scratch_mb: 2 } });
    expect(args).toEqual(expect.arrayContaining([`--data=${64 * 1024 ** 2}`, `--fsize=${1024 ** 2}`, '--core=0']));
    expect(args.slice(-4)).toEqual(['--', '/usr/bin/true', '--dev', '; rm -rf /']);
    expect(args.filter((_, at) => args[at - 1] === '--size')).toEqual(Array(3).fill(String(2 * 1024 ** 2)));
  });

  it('says which path is missing that the operator handed in', () => {
    expect(() => launch({ sandbox: { readable: ['/nowhere-at-all'] } })).toThrow('a needs /nowhere-at-all');
  });
});

describe('the settings of a sandbox', () => {
  it.each(['/', '//', '/proc', '/proc/1', '/sys/fs', '/dev/sda', 'relative', '/a/../etc', ''])(
    'hand in no %j',
    (path) => expect(mistakes({ sandbox: { writable: [path] } })).not.toBe(''),
  );

  it('are for processes alone, and for those the safe ones where nothing is said', () => {
    const url = parseUpstreams('upstreams: { a: { url: "https://a.example", sandbox: { mode: off } } }');
    expect(url).toMatchObject({ mistakes: [{ message: expect.stringContaining('only with command') }] });
    expect(upstream().sandbox).toEqual({ mode: 'auto', network: false, readable: [], writable: [], scratch_mb: 64 });
    expect(upstream({ sandbox: { readable: ['/srv/x/'] } }).sandbox.readable).toEqual(['/srv/x']);
  });
});
