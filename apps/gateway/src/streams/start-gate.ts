import { AppError } from '@switchyard/contracts';
import type { CheckResult } from '@switchyard/platform';

/**
 * With AZTM_REQUIRED=true, no run is accepted while the AZTM login is down; the caller gets the bridge's sentence.
 * Otherwise every run passes.
 */
export class StartGate {
  readonly #login: (() => Promise<CheckResult>) | undefined;

  constructor(login: (() => Promise<CheckResult>) | undefined) {
    this.#login = login;
  }

  /** Throws `unavailable`. */
  async pass(): Promise<void> {
    const { ok, detail } = (await this.#login?.()) ?? { ok: true };
    if (!ok)
      throw new AppError('unavailable', `No run is accepted before the AZTM login stands. ${detail ?? ''}`.trim());
  }
}
