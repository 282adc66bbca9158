import { AppError } from '@switchyard/contracts';
import { createParser, type EventSourceParser } from 'eventsource-parser';
import { fieldsOf, parsedJson } from './json.ts';

/*
 * Parses the bytes of an answer into chunks. Content types are unreliable, so the bytes decide the format: server-sent
 * events, one JSON object from a server that does not stream, one JSON object per line, or a web page.
 *
 * - At most MAX_EVENT_BYTES are held unparsed, so one huge chunk neither fills the memory nor blocks the process.
 * - Nothing is read after `[DONE]`.
 */

/** Six times the longest answer that is taken (each character escaped), with room for the rest of the chunk. */
const MAX_EVENT_BYTES = 1_500_000;

export type Piece =
  | { readonly kind: 'chunk'; readonly value: unknown }
  | { readonly kind: 'error'; readonly body: string }
  | { readonly kind: 'garbage' | 'page' | 'comment' | 'done' };

type Shape = 'unknown' | 'events' | 'json' | 'page';

export class ChunkReader {
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;
  #shape: Shape = 'unknown';
  #pieces: Piece[] = [];
  /** All of a JSON answer; before the format is known, everything so far. */
  #text: string[] = [];
  #open = 0;
  #done = false;

  constructor() {
    this.#parser = createParser({
      onEvent: ({ event, data }) => this.#onEvent(event, data),
      onComment: () => this.#pieces.push({ kind: 'comment' }),
      // llama.cpp writes errors as a field of their own.
      onError: ({ field, value }) => {
        if (field === 'error' && !this.#done) this.#pieces.push({ kind: 'error', body: value ?? '' });
      },
    });
  }

  /** Throws `model_invalid_answer` if one event is too long. */
  push(bytes: Uint8Array): Piece[] {
    if (this.#done) return [];
    const newline = Math.max(bytes.lastIndexOf(10), bytes.lastIndexOf(13));
    const isWhole = this.#shape === 'json' || this.#shape === 'unknown';
    this.#open = newline < 0 || isWhole ? this.#open + bytes.length : bytes.length - newline;
    if (this.#open > MAX_EVENT_BYTES) throw tooLong();
    this.#feed(this.#decoder.decode(bytes, { stream: true }));
    return this.#taken();
  }

  /** The connection ended; returns a last event that no empty line finished. */
  end(): Piece[] {
    if (this.#done) return [];
    this.#feed(this.#decoder.decode());
    if (this.#shape === 'events') this.#parser.feed('\n\n');
    if (this.#shape === 'json') this.#pieces.push(...wholeAnswer(this.#text.join('')));
    return this.#taken();
  }

  #feed(text: string): void {
    if (this.#shape === 'events') return this.#parser.feed(text);
    if (this.#shape === 'page' || text === '') return;
    this.#text.push(text);
    if (this.#shape === 'json') return;
    const [first] = text.trimStart();
    if (first === undefined) return;
    this.#shape = first === '{' || first === '[' ? 'json' : first === '<' ? 'page' : 'events';
    if (this.#shape === 'page') this.#pieces.push({ kind: 'page' });
    if (this.#shape !== 'events') return;
    this.#open = 0;
    this.#parser.feed(this.#text.join('').trimStart());
  }

  #onEvent(event: string | undefined, data: string): void {
    const text = data.trim();
    if (this.#done || text === '') return;
    // A proxy sent a comment as data.
    if (text.startsWith(':')) return void this.#pieces.push({ kind: 'comment' });
    if (data.length > MAX_EVENT_BYTES) throw tooLong();
    if (text.startsWith('[DONE]')) {
      this.#done = true;
      this.#pieces.push({ kind: 'done' });
    } else this.#pieces.push(event === 'error' ? { kind: 'error', body: text } : pieceOf(parsedJson(text), text));
  }

  #taken(): Piece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }
}

function pieceOf(value: unknown, text: string): Piece {
  if (value === undefined) return { kind: 'garbage' };
  const { error, object, detail, choices } = fieldsOf(Array.isArray(value) ? value[0] : value);
  const failed = (error !== undefined && error !== null && error !== '') || object === 'error' || (detail && !choices);
  return failed ? { kind: 'error', body: text } : { kind: 'chunk', value };
}

/** A JSON answer, or chunks with one JSON object per line; the end of the bytes is the end of the answer. */
function wholeAnswer(text: string): Piece[] {
  const whole = parsedJson(text);
  if (whole !== undefined) return [pieceOf(whole, text), { kind: 'done' }];
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.includes('[DONE]'));
  return [...lines.map((line) => pieceOf(parsedJson(line), line)), { kind: 'done' }];
}

function tooLong(): AppError {
  return new AppError('model_invalid_answer', 'The language model answered with too much text.');
}
