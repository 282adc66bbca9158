import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/*
 * An OAuth server that consents to everything at once, for the fakes of providers: codes with PKCE that are good once,
 * tokens that end, renewal, revocation.
 */

export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}
interface Grant {
  readonly scopes: readonly string[];
  readonly redirectUri: string;
  readonly challenge: string | null;
}

export const FAKE_CLIENT = { id: 'client-of-switchyard', secret: 'secret-of-switchyard' } as const;

export class FakeGrants {
  readonly #codes = new Map<string, Grant>();
  readonly access = new Map<string, readonly string[]>();
  readonly refresh = new Map<string, readonly string[]>();
  /** Scopes that the person does not grant. */
  withheld: readonly string[] = [];
  issued = 0;

  /** The redirect URI of the client. */
  consent({ searchParams: asked }: URL): string {
    const code = randomBytes(8).toString('hex');
    const redirectUri = asked.get('redirect_uri') ?? '';
    const scopes = (asked.get('scope') ?? '').split(/[ ,]/).filter((scope) => !this.withheld.includes(scope));
    this.#codes.set(code, { scopes, redirectUri, challenge: asked.get('code_challenge') });
    const back = new URL(redirectUri);
    back.searchParams.set('code', code);
    back.searchParams.set('state', asked.get('state') ?? '');
    return back.href;
  }

  /** The scopes of a code; a code works once, for the client that has its verifier. */
  redeem(form: URLSearchParams): readonly string[] | undefined {
    const code = form.get('code') ?? '';
    const grant = this.#codes.get(code);
    this.#codes.delete(code);
    const digest = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    return grant?.challenge === digest && grant.redirectUri === form.get('redirect_uri') ? grant.scopes : undefined;
  }

  issue(prefix: string, scopes: readonly string[]): string {
    const token = `${prefix}${(this.issued += 1)}-${randomBytes(6).toString('hex')}`;
    this.access.set(token, scopes);
    return token;
  }

  renewable(prefix: string, scopes: readonly string[]): string {
    const token = `${prefix}${randomBytes(8).toString('hex')}`;
    this.refresh.set(token, scopes);
    return token;
  }
}

export interface Listening {
  readonly url: string;
  /** All requests, in order. */
  readonly asked: Asked[];
  close(): Promise<void>;
}

export async function listen(answer: (asked: Asked) => Answer | 'hang up'): Promise<Listening> {
  const asked: Asked[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = 'GET', headers } = request;
      const one = {
        method,
        headers,
        url: new URL(request.url ?? '/', url),
        body: Buffer.concat(chunks).toString('utf8'),
      };
      asked.push(one);
      const given = answer(one);
      if (given === 'hang up') return void request.socket.destroy();
      const { status = 200, headers: more, body } = given;
      const json = body === undefined ? {} : { 'content-type': 'application/json; charset=UTF-8' };
      response.writeHead(status, { ...json, ...more }).end(body === undefined ? '' : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return { url, asked, close };
}

export function bearerOf({ headers }: Asked): string {
  return (headers.authorization ?? '').replace(/^Bearer /, '');
}
