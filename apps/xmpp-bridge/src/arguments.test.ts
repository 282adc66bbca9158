import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { withArguments } from './arguments.ts';

const stdin = (text: string) => Readable.from([Buffer.from(text)]);

describe('the command line of the bridge', () => {
  it('says who logs in and whether peers may call, before the environment does', async () => {
    const env = { AZTM_USERID: 'a@b', AZTM_JID: 'c@d', AZTM_SERVER_MODE: 'true' };
    expect(await withArguments(['--no-server-mode', '--aztm-userid', 'e@f'], env)).toEqual({
      AZTM_USERID: 'e@f',
      AZTM_JID: 'c@d',
      AZTM_SERVER_MODE: 'false',
    });
    expect(await withArguments([], env)).toEqual(env);
  });

  it('takes the password from standard input or a file, in place of what the environment says', async () => {
    const env = { AZTM_PASSWORD: 'old', AZTM_PASSWORD_FILE: '/old' };
    expect(await withArguments(['--aztm-password', '-'], env, stdin('s p=\nx'))).toEqual({ AZTM_PASSWORD: 's p=' });
    expect(await withArguments(['--aztm-password-file=/new'], env)).toEqual({ AZTM_PASSWORD_FILE: '/new' });
    await expect(withArguments(['--aztm-password', '-'], env, stdin(''))).rejects.toThrow(/none came/);
  });

  it.each([
    ['--aztm-password', 'canary-31415'],
    ['--aztm-password=canary-31415'],
    ['--aztm-pasword', 'canary-31415'],
    ['--aztm-userid', 'a@b', 'canary-31415'],
  ])('never takes a password as an argument, and never repeats it: %s', async (...args) => {
    const refused = await withArguments(args, {}).catch((error: Error) => error.message);
    expect(refused).toMatch(/--aztm-password/);
    expect(refused).not.toContain('canary');
  });

  it('refuses what it does not know, naming what there is', async () => {
    await expect(withArguments(['--server'], {})).rejects.toThrow('--no-server-mode');
    await expect(withArguments(['--aztm-password', '-', '--aztm-password-file', 'x'], {})).rejects.toThrow(/a guess/);
  });
});
