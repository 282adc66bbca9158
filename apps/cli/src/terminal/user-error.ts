/** A message for the person at the terminal, shown without a stack, and the exit code that goes with it (sysexits). */
export class UserError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'UserError';
    this.exitCode = exitCode;
  }
}

export const EXIT = { ok: 0, failed: 1, usage: 64, unavailable: 69, config: 78, cancelled: 130 } as const;
