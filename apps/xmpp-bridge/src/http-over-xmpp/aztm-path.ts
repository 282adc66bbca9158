import { ExchangeError, headerOf, type HeaderList } from '../wire/index.ts';

/*
 * Paths in messages of urn:aztm:v1. Pure.
 *
 * There a path is the text that it stands for, as in ASGI: the library's httpx client decodes it before it sends it, and
 * its FastAPI server takes it as decoded. In HTTP it is percent-encoded.
 */

/** The text that this path of an HTTP request stands for. Throws ExchangeError where it stands for none. */
export function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new ExchangeError(400, 'The path is not UTF-8 text, which is all that urn:aztm:v1 carries.');
  }
}

/** The path as HTTP writes it; undefined where the text cannot be written. */
export function encodedPath(text: string, headers: HeaderList): string | undefined {
  // The library's hook for `requests` sends the path still encoded.
  const isEncoded = headerOf(headers, 'user-agent')?.startsWith('python-requests/') && ENCODED.test(text);
  if (isEncoded) return text;
  try {
    return encodeURI(text).replace(/[?#]/g, encodeURIComponent);
  } catch {
    return undefined;
  }
}

const ENCODED = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;
