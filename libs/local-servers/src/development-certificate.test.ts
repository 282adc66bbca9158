import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterAll, describe, expect, it } from '@jest/globals';
import { developmentCertificate } from './development-certificate.ts';

const dirs: string[] = [];
const newDir = (): string => {
  dirs.push(mkdtempSync(join(tmpdir(), 'switchyard-certificate-')));
  return join(dirs.at(-1)!, 'tls');
};
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});
const read = (path: string): X509Certificate => new X509Certificate(readFileSync(path));

describe('the development certificate', () => {
  it('is one that TLS accepts for its domain by its authority, and for nothing else', async () => {
    const paths = await developmentCertificate(newDir(), 'localhost');
    const [ca, cert, key] = [paths.ca, paths.certificate, paths.key].map((path) => readFileSync(path, 'utf8'));
    const server = createServer({ cert: cert!, key: key! }, (socket) => socket.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const reach = (options: { ca?: string; servername: string }): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({ port, host: '127.0.0.1', ...options });
        socket.once('data', (data) => resolve(String(data)));
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      });
    try {
      expect(await reach({ ca: ca!, servername: 'localhost' })).toBe('hello');
      expect(await reach({ ca: ca!, servername: 'other.example' })).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
      expect(await reach({ servername: 'localhost' })).toMatch(/SELF_SIGNED|UNABLE_TO/);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('keeps no key that could sign another one, and shows its own to nobody', async () => {
    const { ca, certificate, key } = await developmentCertificate(newDir(), 'localhost');
    expect(read(ca).ca).toBe(true);
    expect(read(ca).verify(read(ca).publicKey)).toBe(true);
    expect(read(certificate).ca).toBe(false);
    const own = createPrivateKey(readFileSync(key));
    expect(read(certificate).checkPrivateKey(own)).toBe(true);
    expect(read(ca).checkPrivateKey(own)).toBe(false);
    for (const path of [ca, certificate, key]) expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('is made once, and anew for another domain or near its end', async () => {
    const dir = newDir();
    const serial = async (domain: string, now?: number) =>
      read((await developmentCertificate(dir, domain, now)).certificate).serialNumber;
    const first = await serial('localhost');
    expect(await serial('localhost')).toBe(first);
    expect(await serial('localhost', Date.now() + 690 * 86_400_000)).toBe(first);
    expect(await serial('localhost', Date.now() + 710 * 86_400_000)).not.toBe(first);
    const second = await serial('localhost');
    expect(await serial('other.example')).not.toBe(second);
    rmSync(join(dir, 'server.key'));
    await developmentCertificate(dir, 'other.example');
    expect(readFileSync(join(dir, 'server.key'), 'utf8')).toContain('PRIVATE KEY');
  });
});
