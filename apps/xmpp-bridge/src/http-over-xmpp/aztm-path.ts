import { ExchangeError, headerOf, type HeaderList } from '../wire/index.ts';

/*
 * Converts paths between HTTP and messages of urn:aztm:v1. Pure.
 * The envelope carries the decoded path, as ASGI does: the library's httpx client decodes it before sending, and its
 * FastAPI server takes it as decoded. HTTP percent-encodes it.
 */

/** Decodes a path of an HTTP request. Throws ExchangeError if it encodes no text. */
export function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new ExchangeError(400, 'The path is not UTF-8 text, which is all that urn:aztm:v1 carries.');
  }
}

/** Encodes a path for HTTP; undefined if it cannot be encoded. */
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
