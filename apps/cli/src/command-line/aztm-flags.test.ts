import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { describe, expect, it } from '@jest/globals';
import { askSecret } from '../terminal/ask-secret.ts';
import { FROM_SHELL, parseVerb } from './arguments.ts';
import { type FlagSources, withAztmFlags } from './aztm-flags.ts';

const SECRET = 'canary 31415';

function call(args: string[], environment: Record<string, string> = {}, over: Partial<FlagSources> = {}) {
  const remarks: string[] = [];
  const from: FlagSources = {
    stdin: Readable.from([]),
    ask: undefined,
    remark: (line) => void remarks.push(line),
    cwd: '/here',
    ...over,
  };
  const { values } = parseVerb('up', args);
  return withAztmFlags({ values, environment }, from).then((env) => ({ env, remarks }));
}

describe('the flags of the AZTM login', () => {
  it('win over the environment', async () => {
    const before = {
      AZTM_USERID: 'old@b',
      AZTM_JID: 'c@d',
      AZTM_PASSWORD: 'old',
      AZTM_PASSWORD_FILE: '/old',
      PATH: '/bin',
    };
    const args = ['--aztm-userid', 'new@b', '--aztm-password-file', 'secret.txt', '--no-server-mode'];
    expect((await call(args, before)).env).toEqual({
      AZTM_USERID: 'new@b',
      AZTM_JID: 'c@d',
      AZTM_PASSWORD_FILE: '/here/secret.txt',
      AZTM_SERVER_MODE: 'false',
      PATH: '/bin',
    });
  });

  it('take the password from where the command put it, say what would be better, and hand that place on to nobody', async () => {
    const { env, remarks } = await call(['--aztm-userid', 'a@b'], { [FROM_SHELL]: SECRET, AZTM_PASSWORD_FILE: '/old' });
    expect(env).toEqual({ AZTM_USERID: 'a@b', AZTM_PASSWORD: SECRET });
    expect(remarks.join('')).toContain('--aztm-password -');
    expect(remarks.join('')).not.toContain(SECRET);
  });

  it('take it from standard input, or ask a person', async () => {
    const stdin = Readable.from([Buffer.from(`${SECRET}\nmore`)]);
    expect((await call(['--aztm-password', '-'], {}, { stdin })).env).toEqual({ AZTM_PASSWORD: SECRET });
    const ask = (question: string) => Promise.resolve(question === 'Password of a@b: ' ? SECRET : undefined);
    expect((await call(['--aztm-userid', 'a@b'], {}, { ask })).env['AZTM_PASSWORD']).toBe(SECRET);
  });

  it.each<[string, string[], Record<string, string>]>([
    ['as an argument of this process', ['--aztm-password', SECRET], {}],
    ['that nobody gives', ['--aztm-userid', 'a@b'], {}],
    ['from standard input where nothing comes', ['--aztm-password', '-'], {}],
    ['that is empty', [], { [FROM_SHELL]: '' }],
    ['and a file as well', ['--aztm-password-file', 'x'], { [FROM_SHELL]: SECRET }],
  ])('refuse a password %s, and never repeat it', async (_name, args, environment) => {
    const refused = await call(args, environment).catch((error: Error) => error);
    expect(refused).toMatchObject({ name: 'UserError', exitCode: 64 });
    expect((refused as Error).message).not.toContain(SECRET);
  });
});

describe('a question for a secret', () => {
  function terminal() {
    const modes: boolean[] = [];
    const keys = new EventEmitter();
    const stream = Object.assign(keys, {
      setRawMode: (on: boolean) => void modes.push(on),
      resume: () => undefined,
      pause: () => undefined,
    });
    let shown = '';
    const answer = askSecret('Password: ', stream as unknown as ReadStream, (text) => (shown += text));
    return { type: (text: string) => void keys.emit('data', Buffer.from(text)), answer, modes, shown: () => shown };
  }

  it('shows nothing of what is typed, and leaves the terminal as it was', async () => {
    const { type, answer, modes, shown } = terminal();
    type('wrong\u0015sec');
    type('x\u007fr\u0001et\r');
    expect(await answer).toBe('secret');
    expect([shown(), modes]).toEqual(['Password: \n', [true, false]]);
  });

  it.each(['\u0003', 'abc\u0004', '\r'])('is given up', async (keys) => {
    const { type, answer, modes } = terminal();
    type(keys);
    expect(await answer).toBeUndefined();
    expect(modes).toEqual([true, false]);
  });
});
