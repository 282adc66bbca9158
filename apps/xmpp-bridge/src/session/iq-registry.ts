import { randomUUID } from 'node:crypto';
import type { Element } from '@xmpp/client';
import { BoundedMap } from '@switchyard/platform';
import { ExchangeError } from '../wire/index.ts';

/*
 * The open requests of this end, each waiting for its answer (RFC 6120 §8.2.3).
 *
 * - Ids cannot be guessed. An answer counts only if it comes from the address that the request went to, so a leaked id
 *   is worthless.
 * - Every request ends: by its answer, its deadline, its caller, or the end of the connection. Its error says whether
 *   the peer may have performed it.
 * - The number of open requests is limited. A late, duplicate or forged answer is counted and dropped.
 */

export type IqOutcome = 'late' | 'duplicate' | 'spoofed' | 'unknown' | 'wrong_corr';

export class IqError extends Error {
  constructor(
    readonly code: 'deadline' | 'cancelled' | 'connection_lost' | 'peer_lost' | 'too_many' | 'refused' | 'unreadable',
    message: string,
    /** `not_sent`: nobody performed it. `unknown`: the peer may have. */
    readonly effect: 'not_sent' | 'unknown' | 'refused',
    /** The error stanza, if the peer answered with one. */
    readonly stanza?: Element,
  ) {
    super(message);
    this.name = 'IqError';
  }

  /** The condition of the refusal by the peer or the server (RFC 6120 §8.3.3). */
  get condition(): string {
    const children = this.stanza?.getChild('error')?.getChildElements() ?? [];
    return children.find((each) => each.getName() !== 'text')?.getName() ?? 'undefined-condition';
  }
}

interface Pending {
  readonly question: Question;
  readonly resolve: (answer: Element) => void;
  readonly reject: (error: IqError | ExchangeError) => void;
  readonly timer: NodeJS.Timeout;
  readonly release: () => void;
}

export interface Question {
  readonly to?: string | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** The id of the request, which nobody can guess; default: a new one. */
  readonly id?: string;
  /** Another name that nobody can guess, by which an answer may refer to the request. */
  readonly alias?: string;
  /** Called if `signal` ends the request while it is open. */
  readonly onCancelled?: () => void;
  /** Decides whether a stanza with this id is the answer; default: it comes from the JID that was asked. */
  readonly judge?: (stanza: Element) => 'answers' | IqOutcome;
}

const REMEMBERED = 4_096;

export class IqRegistry {
  readonly #pending = new Map<string, Pending>();
  /** Ids of recently settled requests, to tell a late answer from a forged one. */
  readonly #settled = new BoundedMap<string, 'answered' | 'given up'>(REMEMBERED);
  /** Id by alias, for requests with one. */
  readonly #aliases = new Map<string, string>();
  readonly #bare: string;
  readonly #domain: string;

  /** Our own JID: the server's answers may come from it, or without `from`. */
  readonly #ownJid: string;
  readonly #maxPending: number;
  readonly #onDropped: (outcome: IqOutcome, from: string | undefined) => void;

  constructor(ownJid: string, maxPending: number, onDropped: (outcome: IqOutcome, from: string | undefined) => void) {
    this.#ownJid = ownJid;
    this.#maxPending = maxPending;
    this.#onDropped = onDropped;
    this.#bare = ownJid.split('/')[0]!;
    this.#domain = this.#bare.slice(this.#bare.indexOf('@') + 1);
  }

  get size(): number {
    return this.#pending.size;
  }

  /**
   * Registers a request and sends it; `send` gets its id and throws if it cannot be sent: ExchangeError if it never
   * can.
   */
  ask(question: Question, send: (id: string) => void): Promise<Element> {
    const { timeoutMs, signal, onCancelled } = question;
    if (signal?.aborted) return Promise.reject(new IqError('cancelled', 'It was cancelled.', 'not_sent'));
    if (this.#pending.size >= this.#maxPending)
      return Promise.reject(new IqError('too_many', 'Too many questions are open on this connection.', 'not_sent'));
    const id = question.id ?? randomUUID(); // nobody can guess it
    return new Promise((resolve, reject) => {
      const end = (code: 'deadline' | 'cancelled', message: string): void => {
        this.#settle(id, 'given up')?.reject(new IqError(code, message, 'unknown'));
      };
      const onAbort = (): void => {
        end('cancelled', 'It was cancelled.');
        onCancelled?.();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const timer = setTimeout(() => end('deadline', 'No answer came in time.'), Math.max(0, timeoutMs));
      const release = (): void => signal?.removeEventListener('abort', onAbort);
      this.#pending.set(id, { question, resolve, reject, timer, release });
      if (question.alias !== undefined) this.#aliases.set(question.alias, id);
      try {
        send(id);
      } catch (error) {
        if (error instanceof ExchangeError) return void this.#settle(id, 'given up')?.reject(error);
        const why = error instanceof Error ? error.message : 'it could not be sent';
        this.#settle(id, 'given up')?.reject(new IqError('connection_lost', why, 'not_sent'));
      }
    });
  }

  /** Takes an answer: an iq of type result or error, or a message that answers a request. */
  take(stanza: Element, alias?: string): void {
    const pending = this.#answered(stanza, alias);
    if (stanza.attrs['type'] !== 'error') pending?.resolve(stanza);
    else pending?.reject(new IqError('refused', 'The other side refused.', 'refused', stanza));
  }

  /** Takes the start tag of an answer that is too large to be read. */
  takeUnreadable(head: Element): void {
    this.#answered(head)?.reject(new IqError('unreadable', 'The answer cannot be read.', 'unknown'));
  }

  /** Finds and settles the request that this stanza answers. */
  #answered(stanza: Element, alias?: string): Pending | undefined {
    const { id: said = '', from } = stanza.attrs;
    const id = this.has(said) ? said : (this.#aliases.get(alias ?? said) ?? said);
    const pending = this.#pending.get(id);
    if (!pending) {
      const earlier = this.#settled.get(id);
      const outcome = earlier === 'answered' ? 'duplicate' : earlier === 'given up' ? 'late' : 'unknown';
      this.#onDropped(outcome, from);
      return undefined;
    }
    const { judge, to } = pending.question;
    const verdict = judge?.(stanza) ?? (this.#isFrom(from, to) ? 'answers' : 'spoofed');
    if (verdict === 'answers') return this.#settle(id, 'answered');
    this.#onDropped(verdict, from);
    return undefined;
  }

  /** The connection is gone: ends every request at once. */
  failAll(why: string): void {
    for (const id of [...this.#pending.keys()])
      this.#settle(id, 'given up')?.reject(new IqError('connection_lost', why, 'unknown'));
  }

  /** A peer is gone: ends the requests to it at once. */
  failTo(jid: string, why: string): void {
    for (const [id, { question }] of this.#pending)
      if (question.to === jid) this.#settle(id, 'given up')?.reject(new IqError('peer_lost', why, 'unknown'));
  }

  has(id: string): boolean {
    return this.#pending.has(id) || this.#settled.has(id);
  }

  #settle(id: string, how: 'answered' | 'given up'): Pending | undefined {
    const pending = this.#pending.get(id);
    if (!pending) return undefined;
    this.#pending.delete(id);
    if (pending.question.alias !== undefined) this.#aliases.delete(pending.question.alias);
    clearTimeout(pending.timer);
    pending.release();
    this.#settled.set(id, how);
    return pending;
  }

  #isFrom(from: string | undefined, to: string | undefined): boolean {
    if (to !== undefined && to !== this.#bare) return from === to;
    return [undefined, this.#ownJid, this.#bare, this.#domain].includes(from);
  }
}
