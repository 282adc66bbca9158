/** A request as it goes out: nothing in it is left to convert. */
export interface Outgoing {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  /** A stream can be sent once. */
  readonly body: string | Uint8Array | ReadableStream<Uint8Array> | null;
  readonly signal: AbortSignal | undefined;
}

/** Converts the arguments of `fetch(input, init)`. Strings, bytes and streams pass unchanged. Throws on bad input. */
export async function outgoing(input: string | URL | Request, init: RequestInit = {}): Promise<Outgoing> {
  const given = typeof input === 'string' || input instanceof URL ? undefined : input;
  const url = new URL(given ? given.url : String(input));
  const method = (init.method ?? given?.method ?? 'GET').toUpperCase();
  if (/^(CONNECT|TRACE|TRACK)$/.test(method)) throw new TypeError(`${method} is not a method of fetch.`);
  const headers = new Headers(init.headers ?? given?.headers);
  for (const name of CONNECTION_HEADERS) headers.delete(name);
  const signal = init.signal ?? given?.signal ?? undefined;
  let body = (init.body === undefined ? given?.body : init.body) ?? null;
  if ((method === 'GET' || method === 'HEAD') && body !== null) throw new TypeError(`${method} takes no body.`);
  if (typeof body === 'string') {
    if (!headers.has('content-type')) headers.set('content-type', 'text/plain;charset=UTF-8');
  } else if (body !== null && !(body instanceof Uint8Array) && !(body instanceof ReadableStream)) {
    // Forms, blobs and the rest: the platform knows how they are written, and of which type they are.
    const written = new Request('http://body.invalid/', { method: 'POST', body });
    const type = written.headers.get('content-type');
    if (type !== null && !headers.has('content-type')) headers.set('content-type', type);
    body = new Uint8Array(await written.arrayBuffer());
  }
  setDefault(headers, 'accept', '*/*');
  setDefault(headers, 'accept-encoding', 'gzip, br');
  setDefault(headers, 'user-agent', 'switchyard');
  return { url, method, headers, body, signal };
}

/**
 * What the connection decides, not its user; fetch forbids them too. With a Host of its own, a call that was judged
 * by its URL would reach another (virtual) host at the same address.
 */
const CONNECTION_HEADERS = ['host', 'content-length', 'connection', 'keep-alive', 'proxy-connection'].concat([
  'transfer-encoding',
  'upgrade',
  'expect',
  'te',
  'trailer',
]);

function setDefault(headers: Headers, name: string, value: string): void {
  if (!headers.has(name)) headers.set(name, value);
}

/** The headers that another host may see after a redirect. */
const CARRIED = ['accept', 'accept-encoding', 'accept-language', 'user-agent'];

/** The request that a redirect asks for; undefined where it may not be followed. */
export function redirected(request: Outgoing, location: string): Outgoing | undefined {
  if ((request.method !== 'GET' && request.method !== 'HEAD') || !URL.canParse(location, request.url.href))
    return undefined;
  const url = new URL(location, request.url);
  if (request.url.protocol === 'https:' && url.protocol !== 'https:') return undefined;
  if (url.origin === request.url.origin) return { ...request, url };
  const headers = new Headers(
    CARRIED.flatMap((name): [string, string][] => {
      const value = request.headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  return { ...request, url, headers };
}
