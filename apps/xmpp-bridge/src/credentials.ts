import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import type { Logger } from '@switchyard/platform';

/*
 * What a login needs that lies in files, as it is now: the password and the CA.
 *
 * F1 A change of a file is noticed within lookMs, also where the file is replaced or reached over links that are
 *    (as mounted secrets are); what is read is compared, not its time.
 * F2 A file that cannot be read leaves what was read before in place, and is said in the log once: a rotation that is
 *    half done breaks nothing.
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

export class Credentials {
  readonly #read = new Map<string, string>();
  readonly #timer: NodeJS.Timeout | undefined;
  #complained = false;

  /** Throws where a file cannot be read at the start. */
  constructor(
    private readonly given: CredentialFiles & { readonly password: string },
    private readonly onChange: () => void,
    private readonly log: Logger,
    lookMs = LOOK_MS,
  ) {
    for (const file of this.#files()) this.#read.set(file, readFileSync(file, 'utf8'));
    if (this.#read.size === 0) return;
    this.#timer = setInterval(() => void this.look(), lookMs).unref();
  }

  get password(): string {
    const { passwordFile, password } = this.given;
    return (passwordFile === undefined ? undefined : passwordOf(this.#read.get(passwordFile) ?? '')) ?? password;
  }

  /** PEM: the CAs of the system and those of the file. Undefined: the system's alone. */
  get ca(): string | undefined {
    const { caFile } = this.given;
    return caFile === undefined ? undefined : `${rootCertificates.join('\n')}\n${this.#read.get(caFile)}`;
  }

  /** Reads the files again; calls onChange where one of them says something else. */
  async look(): Promise<void> {
    let changed = false;
    for (const file of this.#files()) {
      try {
        const text = await readFile(file, 'utf8');
        if (file === this.given.passwordFile && passwordOf(text) === undefined) throw new Error('it holds no password');
        if (text !== this.#read.get(file)) changed = true;
        this.#read.set(file, text);
        this.#complained = false;
      } catch (error) {
        if (!this.#complained)
          this.log.warn({ err: error, file }, 'a file of the AZTM login cannot be read; the last text of it counts'); // F2
        this.#complained = true;
      }
    }
    if (changed) this.onChange();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #files(): string[] {
    return [this.given.passwordFile, this.given.caFile].filter((file) => file !== undefined);
  }
}
