import { setImmediate as turn } from 'node:timers/promises';
import { connect, Events, headers as natsHeaders, type Msg, type NatsConnection } from 'nats';
import type { AttackedStack } from '../stack/index.ts';

/* A connection to nats-server with one login, used by an attacker. */

export interface Attempt {
  readonly verb: 'publish' | 'subscribe';
  readonly subject: string;
  readonly queue?: string;
}

/** The answer to a request; undefined: none came in time. */
export interface BusAnswer {
  readonly code: string | undefined;
  readonly text: string;
  readonly noResponders: boolean;
}

const CONNECT_LIMIT_MS = 5_000;

export class BusLogin {
  readonly #denied = new Set<string>();

  private constructor(
    readonly login: string,
    readonly connection: NatsConnection,
  ) {
    void this.#watch();
  }

  /** `nobody`: a connection without credentials. Undefined where the server refuses the connection. */
  static async open({ natsUrl, logins }: AttackedStack, login: string): Promise<BusLogin | undefined> {
    const [user, pass] = logins.get(login)?.split(':') ?? [];
    try {
      const connection = await connect({
        servers: natsUrl,
        name: 'attack',
        ...(user === undefined ? {} : { user, pass }),
        inboxPrefix: `_INBOX.${login}`,
        reconnect: false,
        timeout: CONNECT_LIMIT_MS,
      });
      return new BusLogin(login, connection);
    } catch {
      return undefined;
    }
  }

  /**
   * The attempts that the server did not refuse. None is delivered: their reply subject is one that the server refuses
   * afterwards.
   */
  async permitted(attempts: readonly Attempt[]): Promise<Attempt[]> {
    this.#denied.clear();
    for (const { verb, subject, queue } of attempts) {
      if (verb === 'publish') this.connection.publish(subject, 'attack', { reply: '_R_.attack' });
      else
        this.connection
          .subscribe(subject, { callback: () => undefined, ...(queue === undefined ? {} : { queue }) })
          .unsubscribe();
    }
    await this.settled();
    return attempts.filter(({ verb, subject }) => !this.#denied.has(`${verb} ${subject}`));
  }

  /** Resolves when the server has processed everything that was sent and its errors have been read. */
  async settled(): Promise<void> {
    await this.connection.flush();
    await turn();
  }

  /** Sends a question and returns the first message that is not a progress frame. */
  request(
    subject: string,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    limitMs: number,
  ): Promise<BusAnswer | undefined> {
    const reply = `_INBOX.${this.login}.${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`;
    return new Promise((resolve) => {
      const done = (answer: BusAnswer | undefined) => {
        clearTimeout(timer);
        subscription.unsubscribe();
        resolve(answer);
      };
      const timer = setTimeout(() => done(undefined), limitMs);
      const subscription = this.connection.subscribe(reply, {
        callback: (error, message) => {
          if (error) return done({ code: 'not_permitted', text: error.message, noResponders: false });
          if (message.headers?.get('frame')) return;
          done(answerOf(message));
        },
      });
      const all = natsHeaders();
      for (const [name, value] of Object.entries(headers)) all.set(name, value);
      this.connection.publish(subject, body, { reply, headers: all });
    });
  }

  close(): Promise<void> {
    return this.connection.close().catch(() => undefined);
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type !== Events.Error) continue;
      const about = 'permissionContext' in status ? status.permissionContext : undefined;
      if (about) this.#denied.add(`${about.operation === 'publish' ? 'publish' : 'subscribe'} ${about.subject}`);
    }
  }
}

function answerOf(message: Msg): BusAnswer {
  const code = message.headers?.get('error-code') || undefined;
  const noResponders = message.headers?.code === 503;
  return { code, text: new TextDecoder().decode(message.data), noResponders };
}
