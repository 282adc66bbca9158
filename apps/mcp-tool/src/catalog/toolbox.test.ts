import { describe, expect, it } from '@jest/globals';
import { type Principal, ROLES, type ToolConstraints, ToolInfo } from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import { fc } from '@switchyard/testing/property';
import { z } from 'zod';
import { Catalog } from './catalog.ts';
import { defineTool, type ToolDefinition } from '../tool/define-tool.ts';
import type { Tool } from '../tool/tool.ts';
import { pageOf, Pages } from './tool-pages.ts';
import { Toolbox } from './toolbox.ts';
import { NO_AUTHORISATIONS } from '../../test/no-authorisations.ts';
import type { ProviderStatus, TenantPolicy } from './visibility.ts';

const tool = (name: string, provider: string, more: Partial<ToolDefinition> = {}): Tool =>
  defineTool({
    name,
    description: name,
    provider,
    kind: 'read',
    idempotency: 'safe',
    input: z.object({ city: z.string(), days: z.number().default(1) }),
    output: z.object({ text: z.string() }),
    timeoutMs: 100,
    run: () => ({ text: '' }),
    ...more,
  });
const catalog = new Catalog();
catalog.put('test', [
  tool('a', 'one'),
  tool('b', 'one', { kind: 'destructive' }),
  tool('c', 'two', { requiredScopes: ['read'] }),
  tool('d', 'two', { requiredRole: 'admin' }),
]);
const log = createLogger({ app: 'test', level: 'silent' });
const principal = (role: Principal['role']): Principal => ({ tenantId: 'acme', userId: 'u1', role, via: 'dev' });
const AUTO: ToolConstraints = { mode: 'auto', providers: [], tools: [] };
const NAMES = ['a', 'b', 'c', 'd', 'x', '__proto__', 'constructor'];

interface World {
  readonly policy?: TenantPolicy;
  readonly two?: ProviderStatus | 'broken';
}
function toolboxIn({ policy, two = { status: 'not_needed' } }: World = {}): Toolbox {
  const statusOf = async (_: Principal, provider: string): Promise<ProviderStatus> => {
    if (provider !== 'two') return { status: 'not_needed' };
    if (two === 'broken') throw new Error('away');
    return two;
  };
  const authorisations = { ...NO_AUTHORISATIONS, statusOf };
  return new Toolbox({ catalog, authorisations, policyOf: () => policy ?? {}, log });
}
const shown = async (world: World, role: Principal['role'], constraints = AUTO) =>
  (await toolboxIn(world).list(principal(role), constraints)).map(({ name }) => name);

const patterns = fc.subarray(['a', 'b', 'c*', 'provider:one', 'kind:destructive', 'x*']);
const worlds = fc.record<World>({
  policy: fc.oneof(
    fc.constant({}),
    fc.record({ allow: patterns, deny: patterns }),
    patterns.map((deny) => ({ deny })),
  ),
  two: fc.constantFrom<ProviderStatus | 'broken'>(
    ...([{ status: 'not_needed' }, { status: 'authorised' }, { status: 'authorised', scopes: [] }] as const),
    ...([{ status: 'missing' }, { status: 'revoked' }, { status: 'expired' }, 'broken'] as const),
  ),
});
const limits = fc.record<ToolConstraints>({
  mode: fc.constantFrom('auto', 'custom'),
  providers: fc.subarray(['one', 'two', 'x']),
  tools: fc.subarray(['a', 'b', 'c', 'd', 'x', '__proto__']),
});

describe('visibility', () => {
  it('lets be called exactly what it lists, for every role, constraint, policy and authorisation', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, fc.constantFrom(...ROLES), limits, async (world, role, constraints) => {
        const toolbox = toolboxIn(world);
        const callable: string[] = [];
        for (const name of NAMES)
          if ('found' in (await toolbox.find(principal(role), constraints, name))) callable.push(name);
        expect(callable).toEqual(await shown(world, role, constraints));
      }),
    );
  });

  it('shows a tool of a role to that role alone', async () => {
    expect(await shown({}, 'user')).toEqual(['a', 'b', 'c']);
    // An auditor only reads.
    expect(await shown({}, 'auditor')).toEqual(['a', 'c']);
    expect(await shown({}, 'admin')).toEqual(['a', 'b', 'c', 'd']);
  });

  it.each<[Partial<ToolConstraints>, string[]]>([
    [{}, []],
    [{ providers: ['one'] }, ['a', 'b']],
    [{ tools: ['b', 'c'] }, ['b', 'c']],
    [{ providers: ['one'], tools: ['b', 'c'] }, ['b']],
    [{ providers: ['x'], tools: ['a'] }, []],
  ])('takes a custom list as what is allowed: %j', async (given, expected) => {
    expect(await shown({}, 'user', { mode: 'custom', providers: [], tools: [], ...given })).toEqual(expected);
  });

  it.each([
    [
      ['a', 'c'],
      ['a', 'c'],
    ],
    [['provider:two', 'x*'], ['c']],
    [[], []],
  ])('shows a caller who is held to %j no other tool, whatever its request asks for', async (tools, expected) => {
    const held = { ...principal('user'), tools };
    expect((await toolboxIn({}).list(held, AUTO)).map(({ name }) => name)).toEqual(expected);
    const asked = await toolboxIn({}).list(held, { mode: 'custom', providers: ['one', 'two'], tools: [] });
    expect(asked.map(({ name }) => name)).toEqual(expected);
    expect(await toolboxIn({}).find(held, AUTO, 'b')).toMatchObject({ hidden: 'constraints' });
  });

  it('hides the tools of a provider that the user has not authorised, or of which that cannot be found out', async () => {
    const others: ProviderStatus[] = [{ status: 'missing' }, { status: 'expired' }, { status: 'revoked' }];
    for (const two of [...others, 'broken' as const]) expect(await shown({ two }, 'admin')).toEqual(['a', 'b']);
    expect(await shown({ two: { status: 'authorised', scopes: [] } }, 'admin')).toEqual(['a', 'b', 'd']);
    expect(await shown({ two: { status: 'authorised', scopes: ['read'] } }, 'user')).toEqual(['a', 'b', 'c']);
  });

  it('lets a tenant use what its policy allows and does not deny', async () => {
    expect(await shown({ policy: { deny: ['kind:destructive'] } }, 'user')).toEqual(['a', 'c']);
    expect(await shown({ policy: { allow: ['provider:one'], deny: ['b'] } }, 'user')).toEqual(['a']);
    expect(await shown({ policy: { allow: [] } }, 'user')).toEqual([]);
  });

  it('keeps what a user may see until an authorisation, a tool or a policy changes', async () => {
    let [epoch, asked] = [1, 0];
    let two: ProviderStatus = { status: 'authorised' };
    const mine = new Catalog();
    mine.put('test', [tool('c', 'two')]);
    const statusOf = async () => ((asked += 1), two);
    const toolbox = new Toolbox({ catalog: mine, authorisations: { statusOf, epochOf: () => epoch }, log });
    const names = async () => (await toolbox.list(principal('user'), AUTO)).map(({ name }) => name);
    for (let i = 0; i < 3; i += 1) expect(await names()).toEqual(['c']);
    expect(asked).toBe(1);
    two = { status: 'revoked' };
    // A call asks anew, even where a list is kept.
    expect(await toolbox.find(principal('user'), AUTO, 'c')).toMatchObject({ hidden: 'authorisation' });
    epoch += 1;
    expect(await names()).toEqual([]);
    mine.put('more', [tool('d', 'one')]);
    two = { status: 'not_needed' };
    expect(await names()).toEqual(['c', 'd']);
    mine.put('of acme', [tool('e', 'one')], 'acme');
    expect(await names()).toEqual(['c', 'd', 'e']);
  });

  it('makes a list under constraints anew each time, and asks for the providers alone that these leave', async () => {
    const asked: string[] = [];
    const statusOf = async (_: Principal, provider: string): Promise<ProviderStatus> => {
      asked.push(provider);
      return { status: 'not_needed' };
    };
    const toolbox = new Toolbox({ catalog, authorisations: { ...NO_AUTHORISATIONS, statusOf }, log });
    const listed = async (constraints: ToolConstraints) => {
      const { tools, cacheHit } = await toolbox.listed(principal('user'), constraints);
      return [tools.map(({ name }) => name).join(), cacheHit];
    };
    expect(await listed(AUTO)).toEqual(['a,b,c', false]);
    expect(await listed(AUTO)).toEqual(['a,b,c', true]);
    asked.length = 0;
    const custom: ToolConstraints = { mode: 'custom', providers: ['one'], tools: [] };
    for (let i = 0; i < 2; i += 1) expect(await listed(custom)).toEqual(['a,b', false]);
    expect(asked).toEqual(['one', 'one']);
    expect(await listed(AUTO)).toEqual(['a,b,c', true]);
  });

  it('takes an alias for the name of its tool in constraints, in policies and for who is held to it', async () => {
    const mine = new Catalog();
    mine.put('test', [tool('a', 'one', { aliases: ['a_tool'] }), tool('b', 'one')]);
    const shownTo = async (constraints: ToolConstraints, policy: TenantPolicy = {}, tools?: string[]) => {
      const toolbox = new Toolbox({ catalog: mine, authorisations: NO_AUTHORISATIONS, policyOf: () => policy, log });
      const who = { ...principal('user'), ...(tools ? { tools } : {}) };
      return (await toolbox.list(who, constraints)).map(({ name }) => name);
    };
    expect(await shownTo({ mode: 'custom', providers: [], tools: ['a_tool'] })).toEqual(['a']);
    expect(await shownTo(AUTO, { deny: ['a_tool'] })).toEqual(['b']);
    expect(await shownTo(AUTO, { allow: ['a_t*'] })).toEqual(['a']);
    expect(await shownTo(AUTO, {}, ['a_tool'])).toEqual(['a']);
  });

  it('shows a tool of a tenant to that tenant alone, and never lets it stand for one that is there for all', async () => {
    const mine = new Catalog();
    mine.put('of acme', [tool('x', 'one')], 'acme');
    mine.put('of other', [tool('x', 'one')], 'other');
    const toolbox = new Toolbox({ catalog: mine, authorisations: NO_AUTHORISATIONS, log });
    const found = async (tenantId: string) => {
      const answer = await toolbox.find({ ...principal('user'), tenantId }, AUTO, 'x');
      return 'found' in answer ? answer.found : undefined;
    };
    expect(await found('acme')).toBe(mine.of('of acme')![0]);
    expect(await found('other')).toBe(mine.of('of other')![0]);
    expect(await found('third')).toBeUndefined();
    expect(() => mine.put('of acme, too', [tool('x', 'one')], 'acme')).toThrow('from of acme');
    mine.put('for all', [tool('x', 'one')]);
    expect(await found('acme')).toBe(mine.of('for all')![0]);
    expect(() => mine.put('of third', [tool('x', 'one')], 'third')).toThrow('from for all');
  });

  it('says which rule hides a tool', async () => {
    const find = (world: World, name: string, constraints = AUTO) =>
      toolboxIn(world).find(principal('user'), constraints, name);
    expect(await find({}, 'd')).toMatchObject({ hidden: 'role', because: expect.stringContaining('admin') });
    expect(await find({ policy: { deny: ['a'] } }, 'a')).toMatchObject({ hidden: 'policy' });
    expect(await find({ two: { status: 'revoked' } }, 'c')).toMatchObject({ hidden: 'authorisation' });
    expect(await find({}, 'a', { ...AUTO, mode: 'custom' })).toMatchObject({ hidden: 'constraints' });
    expect(await find({}, 'x')).toEqual({ hidden: 'unknown' });
  });
});

describe('the list', () => {
  it('tells every tool once, in order, in pages that fit into a message', () => {
    const long = Array.from({ length: 1_000 }, (_, index) =>
      tool(`t${String(index).padStart(4, '0')}`, 'one', { description: 'x'.repeat(1_000 + (index % 7) * 400) }),
    );
    const told: ToolInfo[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = pageOf(long, { cursor, limit: 1_000 });
      expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(700_000);
      told.push(...page.tools);
      cursor = page.nextCursor;
      pages += 1;
    } while (cursor !== undefined);
    expect(told).toEqual(long.map(({ info }) => info));
    expect(pages).toBeLessThan(10);
  });

  it('is not told again to who has it, and is told where anything of it is another', () => {
    const list = ['a', 'b'].map((name) => tool(name, 'one'));
    const { etag } = pageOf(list, { limit: 10 });
    expect(pageOf([...list], { limit: 10, etag })).toEqual({ tools: [], etag, unchanged: true });
    const other = [list[0]!, tool('b', 'one', { description: 'another' })];
    expect(pageOf(other, { limit: 10, etag }).tools).toHaveLength(2);
    expect(pageOf(list.slice(1), { limit: 10, etag }).tools).toHaveLength(1);
    expect(pageOf(list, { limit: 10, etag, cursor: 'a' })).toEqual({ tools: [], etag, unchanged: true });
  });

  it('is made once for all who have the same list, and for nobody who has another', () => {
    const pages = new Pages();
    const [a, b] = ['a', 'b'].map((name) => tool(name, 'one')) as [Tool, Tool];
    const page = pages.of([a, b], { limit: 10 });
    expect(pages.of([a, b], { limit: 10 })).toBe(page);
    expect(page).toEqual(pageOf([a, b], { limit: 10 }));
    expect(pages.of([a], { limit: 10 }).tools).toEqual([a.info]);
    expect(pages.of([a, b], { limit: 1 })).toMatchObject({ tools: [a.info], nextCursor: 'a' });
    expect(pages.of([a, b], { limit: 1, cursor: 'a' }).tools).toEqual([b.info]);
    expect(pages.of([a, b], { limit: 10, etag: page.etag })).toMatchObject({ tools: [], unchanged: true });
    expect(pages.bytes).toBeGreaterThan(0);
  });
});

describe('defineTool', () => {
  it('describes the arguments as a caller writes them, and the result as it gets it', () => {
    const { info } = tool('a', 'one', { requiredCredentials: ['SECRET_NAME'] });
    expect(ToolInfo.parse(info)).toEqual(info);
    expect(info).toMatchObject({ source: 'native', version: '1' });
    expect(info.inputSchema).toMatchObject({ type: 'object', required: ['city'] });
    expect(info.outputSchema).toMatchObject({ type: 'object', required: ['text'] });
    expect(JSON.stringify(info)).not.toContain('SECRET_NAME');
  });

  it.each<[string, Partial<ToolDefinition>]>([
    ['a name that a model could not call', { name: 'get weather' }],
    ['a name that is too long', { name: 'x'.repeat(65) }],
    ['no time limit', { timeoutMs: Number.NaN }],
    ['a time limit that nobody waits for', { timeoutMs: 3_600_000 }],
    ['an output without end', { maxOutputBytes: 10 * 1024 ** 2 }],
    ['a description without end', { description: 'x'.repeat(5_000) }],
  ])('refuses %s', (_what, more) => {
    expect(() => tool('a', 'one', more)).toThrow();
  });
});
