import { decodePng, look, type Seen } from '../eyes/index.ts';
import type { ChatMessage, ChatRequest } from '../openai.ts';
import { goalsOf } from './goals.ts';
import { isReached, rowsOf } from './scene.ts';
import { inWords, type ScreenCall, workerCall } from './worker.ts';

/*
 * The roles of a model that sees: a worker is offered `done`, grounding `point`, reflection `verdict`. Each answer is one
 * call. Pure: the request is all that there is.
 */

/** The answer of the role that the functions name; undefined where they name none, or nothing is shown. */
export function screenCall(request: ChatRequest): ScreenCall | undefined {
  const offered = new Set((request.tools ?? []).map((tool) => tool.function.name));
  const role = ['point', 'verdict', 'done'].find((name) => offered.has(name));
  if (role === undefined) return undefined;
  const message = request.messages.findLast((each) => each.role === 'user' && imagesOf(each).length > 0);
  const images = message ? imagesOf(message) : [];
  const last = images.at(-1);
  if (!message || last === undefined) return undefined;
  const [text, seen] = [textOf(message), seenOn(last)];
  if (role === 'point') return groundingCall(text, seen);
  if (role === 'verdict') return verdictCall(text, images, seen);
  return workerCall(text, seen);
}

/** What cannot be read as an image shows nothing. */
function seenOn(dataUrl: string): Seen[] {
  const encoded = /^data:image\/png;base64,(.*)$/s.exec(dataUrl)?.[1];
  if (encoded === undefined) return [];
  try {
    return look(decodePng(Buffer.from(encoded, 'base64')));
  } catch {
    return [];
  }
}

const KINDS = ['button', 'field', 'checkbox', 'menu', 'item', 'slider', 'list', 'column', 'card'] as const;

function groundingCall(text: string, seen: readonly Seen[]): ScreenCall {
  const wanted = /^Find: (.*)$/m.exec(text)?.[1] ?? text;
  const label = /["“]([^"”]*)["”]/.exec(wanted)?.[1] ?? '';
  const words = wanted.replace(/["“][^"”]*["”]/g, ' ').toLowerCase();
  if (/\brow\b/.test(words)) return rowPoint(label, seen);
  const kind = KINDS.find((each) => words.includes(each));
  const found = seen.findLast((each) => (kind === undefined || each.kind === kind) && each.lines[0] === label);
  if (!found) return { name: 'not_found', arguments: { reason: `I see no ${kind ?? 'thing'} "${label}".` } };
  const part = /\bat (\d+)%/.exec(words)?.[1];
  const across = part === undefined ? found.width / 2 : (Number(part) / 100) * (found.width - 1);
  return point(found.x + across, found.y + found.height / 2);
}

function rowPoint(label: string, seen: readonly Seen[]): ScreenCall {
  for (const list of seen.filter(({ kind }) => kind === 'list')) {
    const row = rowsOf(list).find(({ name }) => name === label);
    if (row) return point(list.x + list.width / 2, list.y + 10 + row.line * 22 + 8);
  }
  return { name: 'not_found', arguments: { reason: `I see no row "${label}".` } };
}

function point(x: number, y: number): ScreenCall {
  return { name: 'point', arguments: { x: Math.round(x), y: Math.round(y) } };
}

function verdictCall(text: string, images: readonly string[], seen: readonly Seen[]): ScreenCall {
  const verdict = (said: 'on_plan' | 'off_plan' | 'done', reason: string): ScreenCall => {
    return { name: 'verdict', arguments: { verdict: said, reason } };
  };
  const goals = goalsOf(/^Task: (.*)$/m.exec(text)?.[1] ?? '');
  const open = goals.filter((goal) => !isReached(goal, seen));
  if (goals.length > 0 && open.length === 0)
    return verdict('done', `The screen shows: ${goals.map(inWords).join('; ')}.`);
  const missing = open.map((goal) => `not that ${inWords(goal)}`).join('; ');
  if (/^Claimed done:/m.test(text)) return verdict('off_plan', `The screen does not show it: ${missing}.`);
  const changed = images.length > 1 && images[0] !== images.at(-1);
  return changed ? verdict('on_plan', 'The screen changed.') : verdict('off_plan', 'The screen is as it was before.');
}

function imagesOf({ content }: ChatMessage): string[] {
  if (!Array.isArray(content)) return [];
  return (content as { type?: unknown; image_url?: { url?: unknown } }[]).flatMap((part) =>
    part?.type === 'image_url' && typeof part.image_url?.url === 'string' ? [part.image_url.url] : [],
  );
}

function textOf({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return (content as { text?: unknown }[]).map((part) => (typeof part?.text === 'string' ? part.text : '')).join('\n');
}
