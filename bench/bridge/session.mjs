// Sessions without a bridge, for the yardstick: the login and the questions of apps/xmpp-bridge, and nothing above them.
import { readFileSync } from 'node:fs';
import { login } from '../../apps/xmpp-bridge/dist/login/login.js';
import { Session, SESSION_DEFAULTS } from '../../apps/xmpp-bridge/dist/session/session.js';

const optionsOf = ({ user, password, port, ca }, resource) => ({
  jid: `${user}@localhost`,
  password,
  resource,
  domain: 'localhost',
  host: '127.0.0.1',
  port,
  tls: 'starttls',
  validateCertificate: true,
  ca: readFileSync(ca, 'utf8'),
  fingerprint: undefined,
  allowPlain: false,
  channelBinding: 'prefer',
  timeoutMs: 10_000,
});

export async function openSession(account, resource, onQuestion = () => undefined) {
  const stream = await login(optionsOf(account, resource), new AbortController().signal);
  const quiet = () => undefined;
  const handlers = { onMessage: quiet, onPresence: quiet, onDropped: quiet, onClose: quiet };
  return new Session(stream, { ...handlers, onQuestion }, SESSION_DEFAULTS);
}

/** How long one login takes, in ms, from the first packet to the bound resource. */
export async function timedLogin(account, resource) {
  const began = performance.now();
  const stream = await login(optionsOf(account, resource), new AbortController().signal);
  const ms = performance.now() - began;
  stream.socket.destroy();
  return ms;
}
