import type { ModelCall } from '../index.ts';
import { fieldsOf, textOf } from './json.ts';

/*
 * Builds the calls of one answer from their pieces.
 *
 * - Servers do not all send index, id and name. A piece at a known index begins a new call if its id differs, or if it
 *   names a function and the arguments of the call before are complete.
 * - A name or an id that each piece repeats is taken once. Arguments may be a text or an object.
 * - At most MAX_CALLS calls are kept; pieces of further calls are discarded.
 */

const MAX_CALLS = 64;
const MAX_ID_CHARS = 100;
/** The limit of `CallSignature`. */
const MAX_SIGNATURE_CHARS = 32_768;

interface OpenCall {
  id: string;
  name: string;
  arguments: string;
  /** Gemini's thought signature; it comes whole, with the first call of an answer. */
  signature?: string;
  /** The newest piece of the arguments. */
  latest: string;
  /**
   * True while each piece began with the one before: the server may send the whole arguments so far with each piece.
   */
  growing: boolean;
}

interface Piece {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  /** True if the arguments came as an object, so complete. */
  readonly whole: boolean;
  readonly signature: string;
}

export class CallAssembler {
  readonly #calls: OpenCall[] = [];
  /** The call to which the next piece at an index belongs. */
  readonly #at = new Map<unknown, OpenCall>();
  #last: OpenCall | undefined;

  readonly #offered: ReadonlySet<string>;

  /** `offered`: names of the functions that the model may call; they tell a whole name from a part of one. */
  constructor(offered: ReadonlySet<string>) {
    this.#offered = offered;
  }

  /** Takes a piece of a call; returns how many characters it adds. */
  take(delta: unknown): number {
    const { index, id, function: fn, extra_content: extra } = fieldsOf(delta);
    const { name, arguments: given } = fieldsOf(fn);
    const piece = { ...pieceOf(id, name, given), signature: signatureIn(extra) };
    if (piece.id === '' && piece.name === '' && piece.arguments === '' && piece.signature === '') return 0;
    const known = this.#callFor(index, piece);
    const call = known && this.#begins(known, piece) ? undefined : known;
    const target = call ?? this.#open();
    if (!target) return 0;
    if (index !== undefined && index !== null) this.#at.set(index, target);
    this.#last = target;
    return this.#add(target, piece);
  }

  #callFor(index: unknown, { id, name }: Piece): OpenCall | undefined {
    if (index !== undefined && index !== null) return this.#at.get(index);
    const known = id === '' ? undefined : this.#calls.find((call) => call.id === id);
    return known ?? (id !== '' && name !== '' ? undefined : this.#last);
  }

  /** True if a piece at the index of `call` is the first of another call. */
  #begins(call: OpenCall, piece: Piece): boolean {
    if (piece.name === '' || call.name === '') return false;
    const sameName = piece.name === call.name;
    const bothOffered = this.#offered.has(call.name) && this.#offered.has(piece.name);
    if (piece.id !== '' && call.id !== '' && piece.id !== call.id)
      return !sameName || call.arguments === '' || isComplete(call.arguments);
    if (!sameName && piece.id !== '' && piece.id === call.id) return bothOffered && isComplete(call.arguments);
    // Names come before arguments: another name after them is not a part of the first.
    if (!sameName) return bothOffered || call.arguments !== '';
    return piece.id === '' && repeatsNothing(call, piece) && isComplete(call.arguments);
  }

  #open(): OpenCall | undefined {
    if (this.#calls.length >= MAX_CALLS) return undefined;
    const call = { id: '', name: '', arguments: '', latest: '', growing: true };
    this.#calls.push(call);
    return call;
  }

  #add(call: OpenCall, piece: Piece): number {
    const before = call.name.length + call.arguments.length;
    call.id ||= piece.id;
    if (piece.signature !== '') call.signature = piece.signature;
    if (piece.name !== call.name && !(this.#offered.has(call.name) && call.arguments !== '')) {
      const grown = this.#offered.has(piece.name) && piece.name.startsWith(call.name);
      call.name = grown ? piece.name : call.name + piece.name;
    }
    // A complete object can only be followed by the same object again.
    const again = isComplete(piece.arguments) && isComplete(call.arguments);
    if (piece.arguments !== '') {
      call.growing &&= piece.arguments.startsWith(call.latest);
      call.latest = piece.arguments;
    }
    if (piece.whole) call.arguments = piece.arguments;
    else if (!again) call.arguments += piece.arguments;
    return Math.max(0, call.name.length + call.arguments.length - before);
  }

  /** The calls, each with an id of its own: the conversation needs distinct ones. */
  build(): ModelCall[] {
    const seen = new Set<string>();
    const calls: ModelCall[] = [];
    for (const [index, call] of this.#calls.entries()) {
      if (call.name === '' && call.arguments === '') continue;
      const id = call.id === '' || seen.has(call.id) ? `call_${index + 1}_${seen.size + 1}` : call.id;
      seen.add(id);
      const { name, signature } = call;
      calls.push({ id, name, arguments: argumentsOf(call), ...(signature === undefined ? {} : { signature }) });
    }
    return calls;
  }
}

/** A signature longer than the limit is discarded. */
function signatureIn(extra: unknown): string {
  const signature = textOf(fieldsOf(fieldsOf(extra)['google'])['thought_signature']);
  return signature.length > MAX_SIGNATURE_CHARS ? '' : signature;
}

function pieceOf(id: unknown, name: unknown, given: unknown): Omit<Piece, 'signature'> {
  const whole = typeof given === 'object' && given !== null;
  return {
    id: (typeof id === 'number' ? String(id) : textOf(id)).slice(0, MAX_ID_CHARS),
    name: textOf(name),
    arguments: whole ? JSON.stringify(given) : textOf(given),
    whole,
  };
}

/** If a server repeats all arguments so far with each piece, the newest piece is the whole. */
function argumentsOf({ arguments: joined, latest, growing }: OpenCall): string {
  return growing && !isComplete(joined) && isComplete(latest) ? latest : joined;
}

function repeatsNothing(call: OpenCall, piece: Piece): boolean {
  return piece.arguments !== '' && piece.arguments !== call.arguments;
}

/** A JSON object from brace to brace. */
function isComplete(text: string): boolean {
  const trimmed = text.trim();
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) return false;
  try {
    JSON.parse(trimmed);
    return true;
  } catch {
    return false;
  }
}
