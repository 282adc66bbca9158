import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import type { Logger } from '@switchyard/platform';

/*
 * What a login needs that lies in files, as it is now: the password and the CA.
 *
 * - A change of a file is noticed within lookMs, also where the file is replaced or is reached over links that are
 *   replaced (as mounted secrets are). The bridge compares the text of the file, not its time.
 * - Where a file cannot be read, or holds half of its content, the text that was read before stays in force, and the
 *   bridge logs that once. A rotation that is half done breaks nothing.
 */

export interface CredentialFiles {
  readonly passwordFile: string | undefined;
  readonly caFile: string | undefined;
}

const LOOK_MS = 2_000;
const MAX_PASSWORD = 1_024;

/** The password of a file: all of it but the line end that editors add. */
export function passwordOf(text: string): string | undefined {
  const password = text.replace(/\r?\n$/, '');
  return password === '' || password.length > MAX_PASSWORD ? undefined : password;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** What is wrong with a file of CAs; undefined where it holds certificates in PEM, and nothing that is none. */
export function flawOfCa(text: string): string | undefined {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) return 'it holds no certificate in PEM';
  const damaged = blocks.findIndex((block) => {
    try {
      return new X509Certificate(block).raw.length === 0;
    } catch {
      return true;
    }
  });
  return damaged < 0 ? undefined : `certificate ${damaged + 1} of it is damaged: TLS would not read it`;
}

export class Credentials {
  readonly #read = new Map<string, string>();
  readonly #timer: NodeJS.Timeout | undefined;
  /** Files of which it was said that they cannot be used. */
  readonly #complained = new Set<string>();

  readonly #given: CredentialFiles & { readonly password: string };
  readonly #onChange: () => void;
  readonly #log: Logger;

  /** Throws where a file cannot be read at the start. */
  constructor(
    given: CredentialFiles & { readonly password: string },
    onChange: () => void,
    log: Logger,
    lookMs = LOOK_MS,
  ) {
    this.#given = given;
    this.#onChange = onChange;
    this.#log = log;
    for (const file of this.#files()) this.#read.set(file, readFileSync(file, 'utf8'));
    if (this.#read.size === 0) return;
    this.#timer = setInterval(() => void this.look(), lookMs).unref();
  }

  get password(): string {
    const { passwordFile, password } = this.#given;
    return (passwordFile === undefined ? undefined : passwordOf(this.#read.get(passwordFile) ?? '')) ?? password;
  }

  /** PEM: the CAs of the system and those of the file. Undefined: the system's alone. */
  get ca(): string | undefined {
    const { caFile } = this.#given;
    return caFile === undefined ? undefined : `${rootCertificates.join('\n')}\n${this.#read.get(caFile)}`;
  }

  /** Reads the files again; calls onChange where one of them says something else. */
  async look(): Promise<void> {
    let changed = false;
    for (const file of this.#files()) {
      try {
        const text = await readFile(file, 'utf8');
        if (text !== this.#read.get(file)) {
          const flaw = this.#flawOf(file, text);
          if (flaw !== undefined) throw new Error(flaw);
          this.#read.set(file, text);
          changed = true;
        }
        this.#complained.delete(file);
      } catch (error) {
        if (!this.#complained.has(file))
          this.#log.warn({ err: error, file }, 'a file of the AZTM login cannot be read; the last text of it counts');
        this.#complained.add(file);
      }
    }
    if (changed) this.#onChange();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #flawOf(file: string, text: string): string | undefined {
    if (file === this.#given.passwordFile && passwordOf(text) === undefined) return 'it holds no password';
    return file === this.#given.caFile ? flawOfCa(text) : undefined;
  }

  #files(): string[] {
    return [this.#given.passwordFile, this.#given.caFile].filter((file) => file !== undefined);
  }
}
