import { hash } from 'node:crypto';

/** The SHA-256 of bytes, or of a text (UTF-8), in hexadecimal digits. */
export function sha256(text: string | Uint8Array): string {
  return hash('sha256', text, 'hex');
}
