import { Script } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { failurePage, PROVIDER_PAGE, PROVIDER_PAGE_POLICY, PROVIDER_PAGE_SCRIPT } from './provider-page.ts';

describe('the provider page', () => {
  it('runs only the script that its policy allows: none stands in the page', () => {
    expect(PROVIDER_PAGE.match(/<script[^>]*>[^<]*<\/script>/g)).toEqual([
      '<script src="/api/mcp/auth/page.js"></script>',
    ]);
    expect(PROVIDER_PAGE).not.toMatch(/\son\w+=|javascript:/i);
    expect(PROVIDER_PAGE_POLICY).toContain("default-src 'none'; script-src 'self';");
  });

  it('has each element that its script looks for', () => {
    const wanted = [...PROVIDER_PAGE_SCRIPT.matchAll(/\bel\('(\w+)'\)/g)].map(([, id]) => id!);
    expect(wanted.length).toBeGreaterThan(5);
    for (const id of wanted) expect(PROVIDER_PAGE).toContain(`id="${id}"`);
  });

  it('shows what a server names as text, whatever stands in it', async () => {
    const title = '<img src=x onerror=alert(1)>';
    const page = new FakePage([{ provider: 'p', title, status: 'connected', authorized: true, scopes: ['a'] }]);
    await page.run();
    const row = page.element('providers').children[0]!;
    expect(row.children.map((child) => [child.tag, child.textContent])).toEqual([
      ['strong', title],
      ['div', 'Connected'],
      ['small', 'a'],
      ['br', ''],
      ['button', 'Check now'],
      ['button', 'Disconnect'],
    ]);
  });

  it('asks for consent at each link, and leaves only for an address of the web', async () => {
    const provider = { provider: 'p', title: 'P', status: 'not_connected', authorized: false, scopes: [] };
    const page = new FakePage([provider], '?provider=p&client=Editor');
    await page.run();
    expect(page.element('consent').hidden).toBe(false);
    expect(page.element('by').textContent).toMatch(/^"Editor" asks for this\. Tools will act at P on your behalf\./);
    expect(page.asked).toEqual(['GET /api/mcp/auth/providers']);
    for (const url of ['javascript:alert(1)', 'https://login.example/']) {
      page.authorizationUrl = url;
      await page.element('yes').onclick!();
    }
    expect(page.left).toEqual(['https://login.example/']);
  });
});

it('a failed authorisation is told with its sentence escaped', () => {
  const page = failurePage(`<b>"it's" & $& gone</b>`);
  expect(page).toContain('<p>&lt;b&gt;&quot;it&#39;s&quot; &amp; $&amp; gone&lt;/b&gt;</p>');
  expect(page).not.toContain('{{');
});

/** What the script uses of an element. */
class FakeElement {
  textContent = '';
  hidden = true;
  className = '';
  value = '';
  children: FakeElement[] = [];
  onclick?: () => Promise<void>;
  onsubmit?: () => Promise<void>;
  constructor(readonly tag: string) {}
  append(...children: FakeElement[]): void {
    this.children.push(...children);
  }
  replaceChildren(...children: FakeElement[]): void {
    this.children = children;
  }
}

/** A browser with this page alone, in front of a server that lists `providers`. */
class FakePage {
  readonly asked: string[] = [];
  readonly left: string[] = [];
  authorizationUrl = '';
  readonly #elements = new Map<string, FakeElement>();

  constructor(
    readonly providers: readonly object[],
    readonly search = '',
  ) {}

  element(id: string): FakeElement {
    if (!this.#elements.has(id)) this.#elements.set(id, new FakeElement(id));
    return this.#elements.get(id)!;
  }

  /** Runs the script until it has shown what it got. */
  async run(): Promise<void> {
    new Script(PROVIDER_PAGE_SCRIPT).runInNewContext({
      URL,
      URLSearchParams,
      sessionStorage: { getItem: () => null },
      location: { search: this.search, assign: (to: string) => void this.left.push(to) },
      document: {
        getElementById: (id: string) => this.element(id),
        createElement: (tag: string) => new FakeElement(tag),
      },
      fetch: (path: string, { method }: { method: string }) => {
        this.asked.push(`${method} ${path}`);
        const data = { providers: this.providers, authorization_url: this.authorizationUrl };
        return Promise.resolve({ ok: true, status: 200, json: () => Promise.resolve(data) });
      },
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
}
