// @ts-check

/** Ends the command with a message for the person and an exit code, without a stack. */
export class CannotSetUp extends Error {
  /**
   * @param {string} message
   * @param {number} exitCode
   */
  constructor(message, exitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}
