import {
  AppError,
  type BusKey,
  inboxPrefix,
  mayActFor,
  OPERATOR_ASKED,
  type Principal,
  type RequestContract,
  type SystemFact,
} from '@switchyard/contracts';
import { type Caller, checkRequest, signRequest } from './caller-signature.ts';
import { HEADER } from './protocol.ts';
import type { WireMessage } from './wire.ts';

/*
 * Decides which caller may ask what, and on whose behalf.
 *
 * - An answer goes only to an inbox of a caller that may ask the contract. A reply subject is the caller's text:
 *   without this rule any caller could make this service publish anywhere.
 * - A request counts only if a caller that may ask it has signed it, and if its answer goes to an inbox of this caller.
 * - A principal counts only if the caller may act on behalf of it.
 */

/**
 * `open`: requests are neither signed nor checked, for a bus that nobody else can reach. Otherwise the keys that this
 * service shares with others.
 */
export type BusTrust = 'open' | readonly BusKey[];

export class Callers {
  readonly #app: string;
  readonly #person: string | undefined;
  readonly #trust: BusTrust;
  /** The keys by the other side: to ask it, and to check what it asks. */
  readonly #asking = new Map<string, readonly BusKey[]>();
  readonly #answering: readonly BusKey[];

  constructor(app: string, trust: BusTrust, person?: string) {
    this.#app = app;
    this.#person = person;
    this.#trust = trust;
    const keys = trust === 'open' ? [] : trust;
    this.#answering = keys.filter(({ answerer }) => answerer === app);
    for (const key of keys.filter(({ asker }) => asker === app))
      this.#asking.set(key.answerer, [...(this.#asking.get(key.answerer) ?? []), key]);
  }

  /** The signature header; undefined on an open bus. Throws AppError without a key for the pair. */
  sign(contract: RequestContract, subject: string, headers: Readonly<Record<string, string>>, body: Uint8Array) {
    if (this.#trust === 'open') return undefined;
    const signed = signRequest(
      { subject, deadline: headers[HEADER.deadline], idempotencyKey: headers[HEADER.idempotencyKey], body },
      { keys: this.#asking.get(contract.answeredBy) ?? [], person: this.#person, now: Date.now() },
    );
    if (signed !== undefined) return signed;
    const cause = new Error(`BUS_KEYS has no key with which ${this.#app} asks ${contract.answeredBy}`);
    throw new AppError('caller_not_trusted', undefined, { cause });
  }

  /** True if an answer to this reply subject goes to an inbox of a caller that may ask this contract. */
  mayAnswer(contract: RequestContract, reply: string): boolean {
    return contract.askedBy.some((asker) => isInboxOf(asker, reply));
  }

  /** The caller, by the signature of the message; undefined on an open bus. Throws AppError `caller_not_trusted`. */
  check(contract: RequestContract, message: WireMessage): Caller | undefined {
    if (this.#trust === 'open') return undefined;
    const askers: readonly string[] = contract.askedBy;
    const caller = checkRequest(
      message.header(HEADER.caller),
      {
        subject: message.subject,
        deadline: message.header(HEADER.deadline),
        idempotencyKey: message.header(HEADER.idempotencyKey),
        body: message.body,
      },
      { keys: this.#answering.filter(({ asker }) => askers.includes(asker)), now: Date.now() },
    );
    if (!isInboxOf(caller.asker, message.reply ?? '')) throw new AppError('caller_not_trusted');
    return caller;
  }

  /** Throws AppError `caller_not_trusted` if the input names a principal that the caller may not act for. */
  checkPrincipal(caller: Caller | undefined, input: unknown): void {
    if (caller === undefined || typeof input !== 'object' || input === null || !('principal' in input)) return;
    // The contract has validated it: every field of this name is a Principal.
    if (!mayActFor(caller, input.principal as Principal))
      throw new AppError('caller_not_trusted', 'The service that asks may not act on behalf of this principal.');
  }
}

/** The fact that an operator sent this app a request. Throws AppError if the app has no such fact. */
export function operatorAsked(app: string, person: string, subject: string, input: unknown): SystemFact {
  const types: Readonly<Record<string, (typeof OPERATOR_ASKED)[keyof typeof OPERATOR_ASKED]>> = OPERATOR_ASKED;
  const type = types[app];
  if (type === undefined) throw new AppError('forbidden', 'Operators may not ask this service.');
  const { principal } = input as { principal?: Principal };
  const who = { tenant_id: principal?.tenantId ?? null, user_id: principal?.userId ?? null };
  return { type, data: { ...who, subject, person } };
}

function isInboxOf(asker: string, reply: string): boolean {
  const prefix = `${inboxPrefix(asker)}.`;
  return reply.startsWith(prefix) && INBOX_TOKENS.test(reply.slice(prefix.length));
}

/** What a client puts behind its prefix; a wildcard has no place in it. */
const INBOX_TOKENS = /^[A-Za-z0-9_-]{1,128}(\.[A-Za-z0-9_-]{1,128}){0,7}$/;
