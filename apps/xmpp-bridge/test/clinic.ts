import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { DoctorCheck } from '@switchyard/contracts';
import { type ProsodyServer, startProsody } from '@switchyard/local-servers';
import { parseConfig } from '@switchyard/platform';
import { Config } from '../src/config.ts';
import { diagnose, type DoctorOptions, type Outcome } from '../src/doctor/doctor.ts';
import { Authority } from './certificates.ts';
import { type Client, FEATURES as F, type Script, upTo } from './hostile-server.ts';

/** Where the doctor is tried: an authority, a folder for servers, and what a whole diagnosis must hold each time. */

export const PASSWORD = 'canary-31415';
export const USERS = { ada: PASSWORD, bob: 'pw-bob' };

export type Environment = Record<string, string | undefined>;
export const PLAIN = { AZTM_ALLOW_PLAIN: 'true' };
export const SHORT = { stepMs: 1_500 };

export interface Told {
  readonly outcome: Outcome;
  readonly checks: DoctorCheck[];
  /** By number. */
  at(number: number): DoctorCheck;
}

export class Clinic {
  readonly authority = new Authority();
  readonly dir = mkdtempSync(join(tmpdir(), 'switchyard-doctor-'));
  readonly #closing: (() => unknown)[] = [];

  constructor() {
    chmodSync(this.dir, 0o755);
  }

  prosody(name: string, config = ''): Promise<ProsodyServer> {
    const tls = this.authority.issue(`xmpp.test-${name}`, { names: ['xmpp.test'] });
    return startProsody({ dir: join(this.dir, name), domain: 'xmpp.test', users: USERS, tls, config });
  }

  /** After this test. */
  closes(close: () => unknown): void {
    this.#closing.push(close);
  }

  async closeAll(): Promise<void> {
    for (const close of this.#closing.splice(0)) await close();
  }

  remove(): void {
    this.authority.remove();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async doctor(port: number, over: Environment = {}, options: Partial<DoctorOptions> = {}): Promise<Told> {
    const checks: DoctorCheck[] = [];
    const environment: Environment = {
      BUS_TRUST: 'open', // No bus takes part.
      AZTM_JID: 'ada@xmpp.test',
      AZTM_PASSWORD: PASSWORD,
      AZTM_HOST: '127.0.0.1',
      AZTM_PORT: String(port),
      AZTM_TLS: 'starttls',
      AZTM_CA_FILE: join(this.authority.dir, 'ca.pem'),
      ...over,
    };
    const outcome = await diagnose(parseConfig(Config, environment), {
      stepMs: 10_000,
      signal: new AbortController().signal,
      onCheck: (check) => checks.push(DoctorCheck.parse(check)),
      ...options,
    });
    expect(checks.map(({ number }) => number)).toEqual(Array.from({ length: 24 }, (_, n) => n + 1));
    expect(JSON.stringify(checks)).not.toContain(PASSWORD);
    expect(JSON.stringify(checks)).not.toContain(Buffer.from(`\0ada\0${PASSWORD}`).toString('base64'));
    const failed = checks.findIndex(({ status }) => status === 'fail');
    // What was not reached is not said to be well.
    if (failed >= 0) expect(checks.slice(failed + 1).every(({ status }) => status === 'skipped')).toBe(true);
    return { outcome, checks, at: (number) => checks[number - 1]! };
  }
}

/** Lets everybody in and carries IQs; `onIq` may take one over. */
export function welcoming(onIq: (client: Client, iq: string, id: string) => boolean, greeting = ''): Script {
  const login = upTo('bind', () => undefined, ['PLAIN']);
  const buffers = new WeakMap<Client, string>();
  const jid = '<jid>ada@xmpp.test/d</jid>';
  return {
    onText: (text, client) => {
      if (/<stream:stream|<starttls|<auth/.test(text)) return login.onText(text, client);
      const whole = (buffers.get(client) ?? '') + text;
      let taken = 0;
      for (const { 0: stanza, index } of whole.matchAll(/<iq [^>]*\/>|<iq .*?<\/iq>/gs)) {
        taken = index + stanza.length;
        const id = /id="([^"]+)"/.exec(stanza)?.[1] ?? '';
        if (stanza.includes('xmpp-bind'))
          client.write(`<iq type='result' id='${id}'>${F.bind.replace('/>', `>${jid}</bind>`)}</iq>${greeting}`);
        else if (!onIq(client, stanza, id)) carry(client, stanza, id);
      }
      buffers.set(client, whole.slice(taken));
    },
  };
}
export function carry(client: Client, iq: string, id: string): void {
  if (iq.includes('to="ada@xmpp.test/d"')) client.write(iq.replace('<iq ', "<iq from='ada@xmpp.test/d' "));
  else client.write(`<iq type='result' id='${id}'/>`);
}
