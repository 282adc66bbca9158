/*
 * Who the quick start logs in as on the private XMPP server: this clone's own account, and a partner's, for a second
 * organisation to be tried with (`./switchyard demo federation`). Pure. Nothing of it is used where the person brings
 * an account of their own.
 */

export const XMPP_DOMAIN = 'localhost';
export const OWN_JID = `switchyard@${XMPP_DOMAIN}`;
export const PARTNER_JID = `partner@${XMPP_DOMAIN}`;
/** The host under which the partner's agent is called: it exists in SERVICE_MAP only. */
export const PARTNER_HOST = `partner.${XMPP_DOMAIN}`;

/** Accounts on the private server, and the certificate that it shows. */
export interface XmppAccounts {
  readonly domain: string;
  /** Local part -> password. */
  readonly users: Readonly<Record<string, string>>;
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
}

/** The settings with which a bridge logs in as one of them. */
export function loginSettings(accounts: XmppAccounts, jid: string, serverUrl: string): Record<string, string> {
  const { hostname, port } = new URL(serverUrl);
  return {
    AZTM_JID: jid,
    AZTM_PASSWORD: accounts.users[jid.split('@')[0]!] ?? '',
    AZTM_HOST: hostname,
    AZTM_PORT: port,
    AZTM_TLS: 'starttls',
    AZTM_CA_FILE: accounts.tls.ca,
  };
}

/** True where the person says who to log in as, or where: then all of it is theirs. */
export function hasOwnLogin(environment: Readonly<Record<string, string | undefined>>): boolean {
  const own = /^(AZTM_(JID|USERID|PASSWORD|PASSWORD_FILE|HOST|PORT|DOMAIN|TLS)|XMPP_(HOST|PORT|DOMAIN))$/;
  return Object.entries(environment).some(([name, value]) => value && own.test(name));
}
