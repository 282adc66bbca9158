import { describe, expect, it } from '@jest/globals';
import { KeyRingText, Vault } from './vault.ts';

const key = (fill: number) => Buffer.alloc(32, fill);
const OLD = { kid: 'old', key: key(1) };
const NEW = { kid: 'new', key: key(2) };
const ANN = { tenantId: 'acme', userId: 'ann', provider: 'mail' };

describe('the vault', () => {
  it('opens what it sealed for the same owner and purpose, and for nobody else', async () => {
    const vault = new Vault([OLD]);
    const { sealed } = await vault.seal(ANN, 'credential', { access_token: 'secret' });
    expect(sealed).not.toContain('secret');
    expect(await vault.open(ANN, 'credential', sealed)).toEqual({ value: { access_token: 'secret' }, stale: false });
    for (const other of [{ tenantId: 'other' }, { userId: 'bob' }, { provider: 'files' }])
      await expect(vault.open({ ...ANN, ...other }, 'credential', sealed)).rejects.toThrow('cannot be read');
    await expect(vault.open(ANN, 'login', sealed)).rejects.toThrow('cannot be read');
  });

  it('does not believe what the sealed text says that it is bound to', async () => {
    const vault = new Vault([OLD]);
    const { sealed } = await vault.seal(ANN, 'credential', 1);
    const aad = Buffer.from('v1|acme|ann|mail').toString('base64url');
    const moved = JSON.stringify({ ...(JSON.parse(sealed) as object), aad });
    await expect(vault.open({ ...ANN, userId: 'bob' }, 'credential', moved)).rejects.toThrow('cannot be read');
  });

  it('refuses another algorithm, a changed text and what is no JWE', async () => {
    const vault = new Vault([OLD]);
    const { sealed } = await vault.seal(ANN, 'credential', 1);
    const jwe = JSON.parse(sealed) as Record<string, string>;
    const header = Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid: 'old' })).toString('base64url');
    const tag = jwe['tag']!.startsWith('A') ? `B${jwe['tag']!.slice(1)}` : `A${jwe['tag']!.slice(1)}`;
    for (const bad of [{ ...jwe, protected: header }, { ...jwe, tag }, {}, null])
      await expect(vault.open(ANN, 'credential', JSON.stringify(bad))).rejects.toThrow('cannot be read');
    await expect(vault.open(ANN, 'credential', 'nonsense')).rejects.toThrow('cannot be read');
  });

  it('opens what any key of the ring sealed, and says what is to be sealed anew', async () => {
    const { sealed } = await new Vault([OLD]).seal(ANN, 'credential', 1);
    expect(await new Vault([NEW, OLD]).open(ANN, 'credential', sealed)).toEqual({ value: 1, stale: true });
    await expect(new Vault([NEW]).open(ANN, 'credential', sealed)).rejects.toThrow('cannot be read');
  });

  it('reads a ring, and says what is wrong with one without showing a key', () => {
    const text = `new:${key(2).toString('base64')},old:${key(1).toString('base64')}`;
    expect(KeyRingText.parse(text).map(({ kid }) => kid)).toEqual(['new', 'old']);
    for (const bad of ['short:AAAA', `${text},old:${key(3).toString('base64')}`, key(1).toString('base64')]) {
      const parsed = KeyRingText.safeParse(bad);
      expect(parsed.success).toBe(false);
      expect(JSON.stringify(parsed.error)).not.toContain(key(1).toString('base64').slice(0, 12));
    }
  });
});
