import { describe, expect, it } from '@jest/globals';
import { answerOf, errorText, MAX_CONTENT_BYTES } from './results.ts';

const text = (value: string) => ({ type: 'text', text: value });

describe('what a tool of an upstream gave', () => {
  it('is the structured value for a model, and the blocks for an MCP client', () => {
    const { output, mcp } = answerOf({ content: [text('20 degrees')], structuredContent: { degrees: 20 } });
    expect(output).toEqual({ degrees: 20 });
    expect(mcp).toEqual({ content: [text('20 degrees')], structuredContent: { degrees: 20 } });
  });

  it('is told to a model where it cannot be read by it', () => {
    const image = { type: 'image', data: 'A'.repeat(4096), mimeType: 'image/png' };
    const link = { type: 'resource_link', uri: 'note://1', name: 'one' };
    expect(answerOf({ content: [text('see'), image, link] }).output).toBe(
      'see\n[image image/png, 3 KB]\n[resource_link one note://1]',
    );
  });

  it('holds nothing that nobody sees', () => {
    const { output, mcp } = answerOf({
      content: [text('a\u200bb\u{e0041}')],
      structuredContent: { 'k\u202e': 'v\u0000' },
    });
    expect(output).toEqual({ k: 'v' });
    expect(mcp.content).toEqual([text('ab')]);
  });

  it('is to the letter what people write', () => {
    const written = 'می\u200cخواهم 👩\u200d💻 ❤️\u200d🔥';
    const { output, mcp } = answerOf({ content: [text(written)] });
    expect([output, mcp.content]).toEqual([written, [text(written)]]);
  });

  it('leads back through us', () => {
    const outward = (uri: string) => `files+${uri}`;
    const { mcp } = answerOf(
      {
        content: [
          { type: 'resource', resource: { uri: 'a://b', text: 't' } },
          { type: 'resource_link', uri: 'c://d', name: 'd' },
        ],
      },
      outward,
    );
    expect(mcp.content).toEqual([
      { type: 'resource', resource: { uri: 'files+a://b', text: 't' } },
      { type: 'resource_link', uri: 'files+c://d', name: 'd' },
    ]);
  });

  it('is an error where the tool says so, in its own words', () => {
    const answer = answerOf({ content: [text('no such file')], isError: true });
    expect(answer).toMatchObject({ isError: true, mcp: { isError: true } });
    expect(errorText(answer)).toBe('no such file');
  });

  it.each([
    ['one long text', { content: [text('é'.repeat(2_000_000))] }],
    ['many blocks', { content: Array.from({ length: 10_000 }, () => text('x'.repeat(1_000))) }],
    ['a large picture', { content: [{ type: 'image', data: 'A'.repeat(3_000_000), mimeType: 'image/png' }] }],
    ['a large value', { content: [], structuredContent: { rows: Array.from({ length: 50_000 }, (_, i) => ({ i })) } }],
    ['all of it', { content: [text('x'.repeat(900_000))], structuredContent: { x: 'y'.repeat(900_000) } }],
  ])('fits its message: %s', (_, result) => {
    const { mcp } = answerOf(result);
    expect(Buffer.byteLength(JSON.stringify(mcp))).toBeLessThan(MAX_CONTENT_BYTES + 80_000);
    expect(JSON.stringify(mcp.content.at(-1))).toMatch(/no room|only the beginning/);
  });
});
