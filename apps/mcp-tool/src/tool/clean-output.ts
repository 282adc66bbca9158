import type { McpToolResult, StepResult } from '@switchyard/contracts';
import { boundOutput } from './bound-output.ts';
import { stripControlChars, stripControlCharsIn } from '../common/index.ts';
import type { Tool } from './tool.ts';

/*
 * Prepares a tool's output to leave this service. Pure.
 *
 * - Untrusted output is cleaned of characters that people do not see and models read (strip-control-chars.ts), and
 *   marked as untrusted.
 * - No output is longer than its tool may give.
 * - If an output is cut for its readers, the record keeps the whole of it, up to MAX_RECORDED_BYTES.
 */

/** The largest output in the record of a call; with the arguments it is an event that every reader gets whole. */
const MAX_RECORDED_BYTES = 256 * 1024;

/** The content for MCP clients, within the same limit: items that do not fit are named, not given. */
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
  // A very long list of items is itself too long, whatever the items hold.
  const kept = content.slice(0, 256);
  return { ...rest, content: kept, ...(fits ? { structuredContent: structured } : {}) };
}

/** A result as callers get it: limited in size and, if it is untrusted, cleaned and marked. */
export function presentable(tool: Tool, result: StepResult): StepResult {
  if (result.status === 'in_doubt') return result;
  const { mcp, ...rest } = result;
  const own = tool.trust === 'trusted';
  const output =
    rest.status === 'succeeded'
      ? { output: boundOutput(own ? rest.output : stripControlCharsIn(rest.output), tool.maxOutputBytes) }
      : {};
  const message = rest.status === 'failed' && !own ? { message: stripControlChars(rest.message) } : {};
  const content = mcp && boundMcp(own ? mcp : (stripControlCharsIn(mcp) as McpToolResult), tool.maxOutputBytes);
  const provenance = own ? {} : { provenance: { tool: tool.name, provider: tool.provider, trust: tool.trust } };
  return { ...rest, ...output, ...message, ...(content ? { mcp: content } : {}), ...provenance };
}

/** An output for the record of its call; undefined where callers get the whole of it. */
export function recordable(tool: Tool, output: unknown): unknown {
  if (boundOutput(output, tool.maxOutputBytes) === output) return undefined;
  return boundOutput(tool.trust === 'trusted' ? output : stripControlCharsIn(output), MAX_RECORDED_BYTES);
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? 'null');
}
