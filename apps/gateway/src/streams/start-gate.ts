import { AppError } from '@switchyard/contracts';
import type { CheckResult } from '@switchyard/platform';

/**
 * AZTM_REQUIRED=true: no run is accepted while the AZTM login does not stand; whoever asks is told why, in the
 * bridge's sentence. Otherwise everybody passes.
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
