import { describe, expect, it } from '@jest/globals';
import type { Bus } from '@switchyard/bus';
import { type InputOf, listTools, type Principal, type ToolInfo } from '@switchyard/contracts';
import { LIST_TO_COME, ToolLists, withList } from './tool-lists.ts';

const tool = (name: string, more: Partial<ToolInfo> = {}): ToolInfo => ({
  name,
  description: `The tool ${name}.`,
  provider: 'test',
  kind: 'read',
  idempotency: 'safe',
  inputSchema: { type: 'object' },
  ...more,
});
const who = (userId: string): Principal => ({ tenantId: 't', userId, role: 'user', via: 'dev' });
const names = ({ tools }: { tools: readonly { name: string }[] }) => tools.map(({ name }) => name);

/** Answers in pages of two; the etag is the names. */
function world(lists: Record<string, ToolInfo[]>) {
  const told: number[] = [];
  const request = (_contract: typeof listTools, { principal, cursor, etag: known }: InputOf<typeof listTools>) => {
    const all = lists[principal!.userId]!;
    const etag = all.map(({ name }) => name).join();
    if (known === etag) {
      told.push(0);
      return Promise.resolve({ tools: [], etag, unchanged: true });
    }
    const rest = all.filter(({ name }) => cursor === undefined || name > cursor);
    const tools = rest.slice(0, 2);
    told.push(tools.length);
    return Promise.resolve({ tools, etag, ...(rest.length > 2 ? { nextCursor: tools.at(-1)!.name } : {}) });
  };
  return { told, lists: new ToolLists({ request: request as unknown as Bus['request'] }) };
}

describe('the lists of tools', () => {
  it('are told once while they are what they were, page by page, and made once for all who have the same', async () => {
    const three = [tool('a'), tool('b'), tool('c')];
    const { told, lists } = world({ alice: three, bob: three });
    const first = await lists.page(who('alice'));
    expect([names(first), first.nextCursor]).toEqual([['a', 'b'], 'b']);
    expect(names(await lists.page(who('alice'), 'b'))).toEqual(['c']);
    expect(await lists.page(who('alice'))).toBe(first);
    expect(names(await lists.page(who('alice'), 'b'))).toEqual(['c']);
    expect(told).toEqual([2, 1, 0, 0]);
    expect(JSON.parse(first.text)).toEqual(first.tools);
    expect(names(await lists.page(who('bob')))).toEqual(['a', 'b']);
  });

  it('show nobody a tool that was taken from it, nor one of somebody else', async () => {
    const shown = { alice: [tool('a'), tool('b')], bob: [tool('b')] };
    const { lists } = world(shown);
    expect(names(await lists.page(who('alice')))).toEqual(['a', 'b']);
    expect(names(await lists.page(who('bob')))).toEqual(['b']);
    shown.alice = [tool('a')];
    expect(names(await lists.page(who('alice')))).toEqual(['a']);
    shown.alice = [];
    expect(names(await lists.page(who('alice')))).toEqual([]);
  });

  it('say which tools of all pages want arguments as headers', async () => {
    const inputSchema = { type: 'object', properties: { where: { type: 'string', 'x-mcp-header': 'Region' } } };
    const { lists } = world({ alice: [tool('a'), tool('b'), tool('c', { inputSchema })] });
    expect([...(await lists.wantHeaders(who('alice'))).keys()]).toEqual(['c']);
  });

  it('stand in the answer where they are to be, whatever is in them', () => {
    const list = JSON.stringify([tool('a', { description: '$& $1 "tools":[] \u2028' })]);
    const answer = JSON.stringify({ id: 1, result: { tools: LIST_TO_COME, nextCursor: 'a' } });
    expect(JSON.parse(withList(answer, list))).toEqual({
      id: 1,
      result: { tools: JSON.parse(list), nextCursor: 'a' },
    });
    expect(() => withList('{}', list)).toThrow('place');
  });
});
