/** A browser with a cookie jar per host, which follows redirects one by one and fills in forms. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly text: string;
  /** Every address on the way here, this one last. */
  readonly visited: readonly string[];
}

export class Browser {
  readonly #jars = new Map<string, Map<string, string>>();

  readonly #headers: Readonly<Record<string, string>>;

  constructor(headers: Readonly<Record<string, string>> = {}) {
    this.#headers = headers;
  }

  /** The cookies for a host, as they are sent. */
  cookiesOf(url: string): string {
    return [...(this.#jars.get(new URL(url).host) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** A navigation: `until` ends it before an address is asked for. */
  async open(
    url: string,
    options: { form?: Record<string, string>; until?: (url: string) => boolean } = {},
  ): Promise<Page> {
    const visited: string[] = [];
    let form = options.form;
    for (let at = url, hops = 0; hops < 20; hops += 1) {
      visited.push(at);
      if (options.until?.(at)) return { url: at, status: 0, text: '', visited };
      const answer = await this.send(at, {
        method: form ? 'POST' : 'GET',
        headers: { accept: 'text/html,application/xhtml+xml' },
        ...(form ? { body: new URLSearchParams(form) } : {}),
      });
      const location = answer.headers.get('location');
      if (location === null || answer.status < 300 || answer.status > 399)
        return { url: at, status: answer.status, text: await answer.text(), visited };
      await answer.body?.cancel();
      form = undefined;
      at = new URL(location, at).href;
    }
    throw new Error(`too many redirects from ${url}`);
  }

  /** Fills in the one form of a page. */
  submit(
    page: Page,
    fields: Record<string, string>,
    options: { until?: (url: string) => boolean } = {},
  ): Promise<Page> {
    const action = /<form[^>]*action="([^"]+)"/.exec(page.text)?.[1];
    if (action === undefined) throw new Error(`there is no form in ${page.text.slice(0, 500)}`);
    const hidden = [...page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
    const form = { ...Object.fromEntries(hidden.map(([, name, value]) => [name!, value!])), ...fields };
    return this.open(new URL(action, page.url).href, { form, ...options });
  }

  /** One request with the cookies and the headers of this browser's user; only the user's own site gets the latter. */
  async send(url: string, init: RequestInit = {}): Promise<Response> {
    const { host } = new URL(url);
    const jar = this.#jars.get(host) ?? new Map<string, string>();
    this.#jars.set(host, jar);
    const headers = new Headers({ ...(init.headers as Record<string, string>) });
    const own = !headers.get('accept')?.includes('text/html');
    if (own) for (const [name, value] of Object.entries(this.#headers)) headers.set(name, value);
    const cookies = this.cookiesOf(url);
    if (cookies !== '') headers.set('cookie', cookies);
    const answer = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      const ends = attributes.some(
        (attribute) => /^max-age=0$/i.test(attribute) || /^expires=Thu, 01 Jan 1970/i.test(attribute),
      );
      if (ends) jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  }
}
