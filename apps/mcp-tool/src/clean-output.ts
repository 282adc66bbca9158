import type { McpToolResult, StepResult } from '@switchyard/contracts';
import { boundOutput } from './bound-output.ts';
import type { Tool } from './tool.ts';

/*
 * What a tool gave, as it leaves this service. Pure.
 *
 * K1 What a stranger gave holds no characters that people do not see and models read: controls, zero-width, bidi,
 *    tags. It says that it is a stranger's.
 * K2 No output is longer than its tool may give, and none is deeper than MAX_DEPTH.
 */

const MAX_DEPTH = 100;
const TOO_DEEP = `[deeper than ${MAX_DEPTH} levels]`;

/** Joiners have their place within words and emoji alone. */
const LONE_JOINER =
  /(?<![\p{L}\p{M}\p{Extended_Pictographic}\ufe0f])[\u200c\u200d]|[\u200c\u200d](?![\p{L}\p{M}\p{Extended_Pictographic}])/gu;
const LATIN_JOINER = /(?<=[\p{ASCII}])[\u200c\u200d]|[\u200c\u200d](?=[\p{ASCII}])/gu;
/** Half a character is no text. */
const HALF = /[\ud800-\udfff]/gu;
const UNSEEN =
  // eslint-disable-next-line no-control-regex, no-misleading-character-class -- those are what is taken out
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** The text without what nobody sees. */
export function cleanText(text: string): string {
  return text.replace(HALF, '\ufffd').replace(UNSEEN, '').replace(LONE_JOINER, '').replace(LATIN_JOINER, '');
}

/** The same for every text and key of a value. */
export function cleanValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return TOO_DEEP;
  if (Array.isArray(value)) return value.map((item: unknown) => cleanValue(item, depth + 1));
  const entries = Object.entries(value).map(([key, inner]) => [cleanText(key), cleanValue(inner, depth + 1)] as const);
  return Object.fromEntries(entries);
}

/** What MCP clients get, within the same limit: items that do not fit are named, not given. */
export function boundMcp(mcp: McpToolResult, maxBytes: number): McpToolResult {
  const structured = mcp.structuredContent;
  const fits = structured !== undefined && bytesOf(structured) <= maxBytes / 2;
  let left = maxBytes - (fits ? bytesOf(structured) : 0);
  const content = mcp.content.map((item) => {
    const size = bytesOf(item);
    if (size <= left) {
      left -= size;
      return item;
    }
    const kind = typeof item['type'] === 'string' ? item['type'].slice(0, 40) : 'content';
    const text = item['text'];
    const room = Math.floor(left / 4);
    left = 0;
    const note = `[left out: ${kind}, ${Math.ceil(size / 1024)} KB]`;
    return { type: 'text', text: typeof text === 'string' ? `${text.slice(0, room)} ${note}` : note };
  });
  const { structuredContent: _whole, ...rest } = mcp;
  // A very long list of items is itself too long, whatever is in them.
  const kept = content.slice(0, 256);
  return { ...rest, content: kept, ...(fits ? { structuredContent: structured } : {}) };
}

/** K1, K2: a result as callers get it. */
export function presentable(tool: Tool, result: StepResult): StepResult {
  if (result.status === 'in_doubt') return result;
  const { mcp, ...rest } = result;
  const own = tool.trust === 'trusted';
  const output =
    rest.status === 'succeeded'
      ? { output: boundOutput(own ? rest.output : cleanValue(rest.output), tool.maxOutputBytes) }
      : {};
  const message = rest.status === 'failed' && !own ? { message: cleanText(rest.message) } : {};
  const content = mcp && boundMcp(own ? mcp : (cleanValue(mcp) as McpToolResult), tool.maxOutputBytes);
  const provenance = own ? {} : { provenance: { tool: tool.name, provider: tool.provider, trust: tool.trust } };
  return { ...rest, ...output, ...message, ...(content ? { mcp: content } : {}), ...provenance };
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? 'null');
}
