import { redactText } from '@switchyard/platform';
import { stripControlChars, stripControlCharsIn } from '../../common/index.ts';

/*
 * Converts the result of an upstream's tool for two readers. Pure.
 *
 * - An MCP client gets the content blocks as they came, without hidden characters and with URIs that lead back through
 *   us. It gets at most MAX_CONTENT_BYTES of them: a sentence replaces the rest.
 * - A model gets the structured value, or the text if there is none. For every other block it gets a note that the
 *   block exists.
 * - A tool that reports `isError` has answered.
 */

/** One message carries it, beside what the model gets. */
export const MAX_CONTENT_BYTES = 400_000;
const MAX_BLOCKS = 500;

export type Block = Record<string, unknown>;

interface McpContent {
  content: Block[];
  structuredContent?: unknown;
  isError?: boolean;
}

export interface UpstreamAnswer {
  readonly isError: boolean;
  /** For a model: the structured value, or the text where there is none. */
  readonly output: unknown;
  /** For an MCP client: the content blocks, without hidden characters and with bounds. */
  readonly mcp: McpContent;
}

/** How a URI of the upstream is written for our callers. */
export type Outward = (uri: string) => string;

export function answerOf(result: Block, outward: Outward = (uri) => uri): UpstreamAnswer {
  const given = Array.isArray(result['content']) ? (result['content'] as Block[]) : [];
  const structured = 'structuredContent' in result ? stripControlCharsIn(result['structuredContent']) : undefined;
  const isError = result['isError'] === true;
  let room = MAX_CONTENT_BYTES;
  const kept = structured === undefined ? 0 : sizeOf(structured);
  const structuredFits = kept <= room / 2;
  if (structuredFits) room -= kept;
  const content: Block[] = [];
  for (const block of given.slice(0, MAX_BLOCKS)) {
    const shown = withUris(stripControlCharsIn(block) as Block, outward);
    const size = sizeOf(shown);
    const fitting = size <= room ? shown : shortened(shown, size, room);
    room -= Math.min(room, sizeOf(fitting));
    content.push(fitting);
  }
  if (given.length > MAX_BLOCKS) content.push(note(`${given.length - MAX_BLOCKS} more blocks have no room here.`));
  if (structured !== undefined && !structuredFits) content.push(note('The structured value has no room here.'));
  const mcp: McpContent = { content };
  if (structured !== undefined && structuredFits) mcp.structuredContent = structured;
  if (isError) mcp.isError = true;
  return { isError, output: structured ?? forModel(given), mcp };
}

/** What a tool that says `isError` has to say, for people and models. */
export function errorText(answer: UpstreamAnswer): string {
  const text = typeof answer.output === 'string' ? answer.output : JSON.stringify(answer.output);
  return redactText(text === '' ? 'The tool gave no reason.' : text);
}

/** The texts, with a note in place of every other block. */
function forModel(blocks: readonly Block[]): string {
  return blocks.slice(0, MAX_BLOCKS).map(textOf).filter(Boolean).join('\n');
}

function textOf(block: Block): string {
  const { type, text, mimeType, uri, name, resource } = block;
  const inner = (resource ?? {}) as Block;
  if (type === 'text') return stripControlChars(String(text));
  if (type === 'resource' && typeof inner['text'] === 'string') return stripControlChars(inner['text']);
  const data = block['data'] ?? inner['blob'];
  const size = typeof data === 'string' ? `, ${Math.ceil((data.length * 3) / 4096)} KB` : '';
  const what = stripControlChars([mimeType ?? inner['mimeType'], name, uri ?? inner['uri']].filter(Boolean).join(' '));
  return `[${stripControlChars(String(type))} ${what}${size}]`;
}

/** Links in a block lead back through us. */
export function withUris(block: Block, outward: Outward): Block {
  const resource = block['resource'] as Block | undefined;
  if (block['type'] === 'resource_link' && typeof block['uri'] === 'string')
    return { ...block, uri: outward(block['uri']) };
  if (block['type'] === 'resource' && typeof resource?.['uri'] === 'string')
    return { ...block, resource: { ...resource, uri: outward(resource['uri']) } };
  return block;
}

function shortened(block: Block, size: number, room: number): Block {
  if (block['type'] === 'text' && room > 1_000) {
    // A character takes at most 6 bytes of JSON.
    const text = String(block['text'])
      .slice(0, Math.floor((room - 300) / 6))
      .replace(/[\ud800-\udbff]$/, '');
    return { ...block, text: `${text}\n[cut: only the beginning of ${Math.ceil(size / 1024)} KB]` };
  }
  return note(`A block (${String(block['type'])}) of ${Math.ceil(size / 1024)} KB has no room here.`);
}

function note(text: string): Block {
  return { type: 'text', text: `[${text}]` };
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '');
}
