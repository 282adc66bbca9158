import { SERVER } from './trace-names.ts';

/*
 * URLs as traces may show them. Pure. A query may hold people's text and credentials, and a path of a foreign server may
 * hold a key. So names stay, and values and everything that is no plain word become a mark.
 */

export const HIDDEN = 'REDACTED';
const MAX_FIELDS = 16;
const MAX_SEGMENTS = 16;
/** A word of an API: `completions`, `agent-card.json`; with digits only where it is short, as `v1` is. */
const WORD = /^(?=.{0,64}$)[A-Za-z]{0,20}(?:[-._~][A-Za-z]{0,20})*$/;
const SHORT = /^[A-Za-z0-9._~-]{1,12}$/;
const FIELD = /^[A-Za-z][A-Za-z0-9_.-]{0,31}$/;

/** The names of a query, without their values; undefined where there is none. `query` has no question mark. */
export function shownQuery(query: string): string | undefined {
  if (query === '') return undefined;
  const names = query.split('&', MAX_FIELDS).map((field) => field.split('=', 1)[0] ?? '');
  return names.map((name) => (FIELD.test(name) ? `${name}=${HIDDEN}` : HIDDEN)).join('&');
}

/** A path with nothing in it but words. */
export function shownPath(path: string): string {
  const segments = path.split('/', MAX_SEGMENTS + 1);
  return segments.map((segment) => (WORD.test(segment) || SHORT.test(segment) ? segment : HIDDEN)).join('/');
}

/** An address without its credentials, the values of its query, and what may be a key in its path. */
export function shownUrl(url: URL): string {
  const query = shownQuery(url.search.slice(1));
  return `${url.origin}${shownPath(url.pathname)}${query === undefined ? '' : `?${query}`}`;
}

/** Which server an address is of, as attributes; none where it is no address. */
export function serverOf(address: string | URL): Record<string, string | number> {
  if (!URL.canParse(String(address))) return {};
  const { hostname, port, protocol } = new URL(address);
  return { [SERVER.address]: hostname, [SERVER.port]: Number(port || (protocol === 'https:' ? 443 : 80)) };
}
