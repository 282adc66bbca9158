import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import type { Logger } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';

/*
 * The parts of a login that are in files: the password and the CA.
 *
 * - A change of a file is noticed within lookMs, even if the file is replaced or is reached over links that are
 *   replaced (as mounted secrets are). The bridge compares the text of the file, not its time.
 * - If a file cannot be read, or holds half of its content, the earlier text stays in force, and the bridge logs that
 *   once. A half-finished rotation breaks nothing.
 */

export interface CredentialFiles {
  readonly passwordFile: string | undefined;
  readonly caFile: string | undefined;
}

const LOOK_MS = 2_000;
const MAX_PASSWORD = 1_024;

/** The password in a file: its text without the line end that editors add. */
export function passwordOf(text: string): string | undefined {
  const password = text.replace(/\r?\n$/, '');
  return password === '' || password.length > MAX_PASSWORD ? undefined : password;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The fault of a file of CAs; undefined if it holds only certificates in PEM. */
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
  /** Files whose fault was logged already. */
  readonly #complained = new Set<string>();

  readonly #given: CredentialFiles & { readonly password: string };
  readonly #onChange: () => void;
  readonly #log: Logger;

  /** Throws if a file cannot be read at the start. */
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

  /** PEM: the CAs of the system and of the file. Undefined: those of the system only. */
  get ca(): string | undefined {
    const { caFile } = this.#given;
    return caFile === undefined ? undefined : `${rootCertificates.join('\n')}\n${this.#read.get(caFile)}`;
  }

  /** Reads the files again; calls onChange if one of them changed. */
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
        if (!this.#complained.has(file)) logEvent(this.#log, 'xmpp_file_unreadable', { err: error, file });
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
