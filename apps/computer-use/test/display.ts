import { findProgram } from '@switchyard/local-servers';

/** False where the Debian packages of a display are missing; tests that need one are then left out and say so. */
export function displayIsInstalled(): boolean {
  const missing = ['Xvfb', 'openbox'].filter((name) => !findProgram(name));
  if (missing.length > 0) process.stderr.write(`left out: ${missing.join(', ')} not installed (xvfb, openbox)\n`);
  return missing.length === 0;
}
