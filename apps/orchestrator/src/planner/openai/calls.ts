import type { ModelCall } from '../index.ts';
import { fieldsOf, textOf } from './json.ts';

/*
 * The calls of one answer, put together from their pieces.
 *
 * - Index, id and name are hints, none of which every server gives: what is at an index that is taken begins a new call
 *   where its id is another, or where it names a function and the arguments of the one before are complete.
 * - A name or an id that each piece repeats is taken once. Arguments may be a text or an object.
 * - At most MAX_CALLS calls are kept; what belongs to one beyond is left out.
 */

const MAX_CALLS = 64;
const MAX_ID_CHARS = 100;
/** As `CallSignature` says. */
const MAX_SIGNATURE_CHARS = 32_768;

interface OpenCall {
  id: string;
  name: string;
  arguments: string;
  /** Gemini's thought signature; it comes whole, with the first call of an answer. */
  signature?: string;
  /** The newest piece of the arguments. */
  latest: string;
  /** Each piece so far began with the one before: the server may send all that there is with each. */
  growing: boolean;
}

interface Piece {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  /** The arguments came as an object, so whole. */
  readonly whole: boolean;
  readonly signature: string;
}

export class CallAssembler {
  readonly #calls: OpenCall[] = [];
  /** The call that the next piece of an index belongs to. */
  readonly #at = new Map<unknown, OpenCall>();
  #last: OpenCall | undefined;

  readonly #offered: ReadonlySet<string>;

  /** `offered`: names of the functions that the model may call; they tell a name from a part of one. */
  constructor(offered: ReadonlySet<string>) {
    this.#offered = offered;
  }

  /** Takes a piece of a call; gives how many characters it adds. */
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

  /** Whether a piece at the place of `call` is the first of another one. */
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
    // Nothing can follow a complete object but the same once more.
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

/** One that is longer than what is kept is as good as none. */
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

/** Where a server sends all that there is so far with each piece, the newest piece is the whole. */
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
