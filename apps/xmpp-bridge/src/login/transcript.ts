import type { CertificateSeen, Secured } from './tls.ts';
import type { LoginTap } from './attempt-options.ts';
import type { SecureSocket } from './secure-socket.ts';
import type { Target } from './targets.ts';

/*
 * The traffic of one login, for a person to read.
 *
 * - Protocol text is shown exactly as sent and received. Only passwords and their proofs are masked: everything inside
 *   <auth/>, <challenge/>, <response/> and <success/>.
 * - Memory is limited: the first and the last lines are kept, each up to a limit.
 */

export interface StreamSeen {
  /** Counted from 1, in the order in which connections were opened. */
  readonly connection: number;
  readonly tls: Secured | null;
  /** As received; empty if none came. */
  readonly features: string;
}

interface Line {
  readonly from: 'C' | 'S';
  text: string;
  chars: number;
}

const KEPT_CHARS = 8_192;
const SHOWN_CHARS = 2_000;
const KEPT_LINES = 24;

export class Transcript implements LoginTap {
  readonly connections: string[] = [];
  /** Addresses of the server that refused the connection. */
  readonly failedAddresses: { readonly address: string; readonly code: string }[] = [];
  readonly #streams: { connection: number; tls: Secured | null; line: Line | null }[] = [];
  readonly #first: Line[] = [];
  readonly #last: Line[] = [];
  #current: Line | null = null;
  #tls: Secured | null = null;
  #target: Target | null = null;

  /** The target of the last connection. */
  get target(): Target | null {
    return this.#target;
  }

  addressFailed(address: string, code: string): void {
    if (this.failedAddresses.length < KEPT_LINES) this.failedAddresses.push({ address, code });
  }

  connected(target: Target, socket: SecureSocket): void {
    this.#target = target;
    const host = target.host.includes(':') ? `[${target.host}]` : target.host;
    const address = socket.remoteAddress === target.host ? '' : ` (${socket.remoteAddress ?? 'unknown'})`;
    this.connections.push(`local port ${socket.localPort ?? 'unknown'} to ${host}:${target.port}${address}`);
    this.#tls = null;
  }

  sent(text: string): void {
    if (text.includes('<stream:stream'))
      this.#streams.push({ connection: this.connections.length, tls: this.#tls, line: null });
    this.#add('C', text);
  }

  received(text: string): void {
    this.#add('S', text);
    const stream = this.#streams.at(-1);
    if (stream && stream.line === null) stream.line = this.#current;
  }

  secured(tls: Secured): void {
    this.#tls = tls;
    this.#current = null;
  }

  get certificate(): CertificateSeen | null {
    return this.#tls?.certificate ?? null;
  }

  get tls(): Secured | null {
    return this.#tls;
  }

  get streams(): StreamSeen[] {
    return this.#streams.map(({ connection, tls, line }) => ({
      connection,
      tls,
      features: /<stream:features.*?(<\/stream:features>|<stream:features\/>|$)/s.exec(line?.text ?? '')?.[0] ?? '',
    }));
  }

  /** True if the other side has sent anything since our last stream header. */
  get answered(): boolean {
    return this.#streams.at(-1)?.line !== null;
  }

  /** The SASL mechanisms of the last stream that offered any. */
  get mechanisms(): string[] {
    const offers = this.streams.map(({ features }) => [...features.matchAll(/<mechanism>([^<]{1,64})<\/mechanism>/g)]);
    return (offers.findLast((offer) => offer.length > 0) ?? []).map(([, name]) => name!).slice(0, 32);
  }

  /** The channel bindings that the server announces (XEP-0440). */
  get bindingTypes(): string[] {
    const all = this.streams.flatMap(({ features }) => [
      ...features.matchAll(/<channel-binding [^>]*type=['"]([^'"]{1,64})/g),
    ]);
    return [...new Set(all.map(([, type]) => type!))].slice(0, 16);
  }

  /** The connections, and how each stream on them was secured. */
  get outline(): string[] {
    const { connections, streams } = this;
    return [
      `TCP connections of this login: ${connections.length}`,
      ...connections.map((line, n) => `connection ${n + 1}: ${line}`),
      ...streams.map(({ connection, tls }, n) => {
        const how = tls ? `${tls.version}, certificate SHA-256 ${tls.fingerprint}` : 'not encrypted';
        return `stream ${n + 1} on connection ${connection}: ${how}`;
      }),
    ];
  }

  /** The raw features of each stream. */
  get features(): string[] {
    return this.streams.flatMap(({ features }, n) =>
      features === '' ? [] : [`features of stream ${n + 1}: ${shown({ text: features, chars: features.length })}`],
    );
  }

  /** The last lines of the exchange, `C:` ours and `S:` the server's. */
  lines(count = 6): string[] {
    return [...this.#first, ...this.#last].slice(-count).map((line) => `${line.from}: ${shown(line)}`);
  }

  #add(from: 'C' | 'S', text: string): void {
    if (this.#current?.from !== from) {
      this.#current = { from, text: '', chars: 0 };
      if (this.#first.length < KEPT_LINES) this.#first.push(this.#current);
      else this.#last.push(this.#current);
      if (this.#last.length > KEPT_LINES) this.#last.shift();
    }
    this.#current.text += text.slice(0, Math.max(0, KEPT_CHARS - this.#current.text.length));
    this.#current.chars += text.length;
  }
}

/** Control characters would reach a terminal. */
// eslint-disable-next-line no-control-regex -- control characters are what is to be shown
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** The text without the content of <auth/>, <challenge/>, <response/> and <success/>. */
export function masked(text: string): string {
  return text.replace(
    /(<(?:\w+:)?(auth|challenge|response|success)(?=[\s>])[^>]*>)([^<]+)/g,
    (_, open: string, _name: string, secret: string) => `${open}[${secret.length} characters, not shown]`,
  );
}

function shown({ text, chars }: Pick<Line, 'text' | 'chars'>): string {
  const safe = masked(text);
  const flat = safe.replace(CONTROL, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  if (flat.length <= SHOWN_CHARS && chars <= KEPT_CHARS) return flat;
  return `${flat.slice(0, SHOWN_CHARS)}… (${chars} characters in all)`;
}
