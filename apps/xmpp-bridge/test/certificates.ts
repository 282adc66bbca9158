import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate authority for tests, and certificates of it, made by openssl (which ca-certificates brings along). */
export class Authority {
  readonly dir = mkdtempSync(join(tmpdir(), 'switchyard-ca-'));
  readonly ca: string;

  constructor() {
    chmodSync(this.dir, 0o755);
    openssl(
      ...NEW_KEY,
      '-x509',
      '-keyout',
      this.#path('ca.key'),
      '-out',
      this.#path('ca.pem'),
      '-days',
      '30',
      '-subj',
      '/CN=Test CA',
    );
    this.ca = readFileSync(this.#path('ca.pem'), 'utf8');
  }

  /** A certificate for these names, valid for `days` from now; negative: it has expired. */
  issue(name: string, options: { names?: string[]; days?: number } = {}): { certificate: string; key: string } {
    const [key, csr, certificate, ext] = ['key', 'csr', 'pem', 'ext'].map((end) => this.#path(`${name}.${end}`)) as [
      string,
      string,
      string,
      string,
    ];
    openssl(...NEW_KEY, '-keyout', key, '-out', csr, '-subj', `/CN=${name}`);
    writeFileSync(ext, `subjectAltName=${(options.names ?? [name]).map((each) => `DNS:${each}`).join(',')}`);
    const signed = ['-CA', this.#path('ca.pem'), '-CAkey', this.#path('ca.key'), '-CAcreateserial', '-extfile', ext];
    openssl('x509', '-req', '-in', csr, '-out', certificate, ...signed, '-days', String(options.days ?? 30));
    chmodSync(key, 0o644); // Prosody runs as another user.
    return { certificate, key };
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  #path(name: string): string {
    return join(this.dir, name);
  }
}

const NEW_KEY = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
