import { join } from 'node:path';
import { developmentCertificate } from '@switchyard/local-servers';
import { passwordsOf } from './logins.ts';
import type { Workspace } from './workspace.ts';
import { OWN_JID, PARTNER_JID, XMPP_DOMAIN, type XmppAccounts } from './xmpp-login.ts';

/** The accounts of this clone, their passwords and certificate made once and kept where only its owner reads. */
export async function xmppAccounts(workspace: Workspace): Promise<XmppAccounts> {
  const passwords = passwordsOf(workspace);
  const users = [OWN_JID, PARTNER_JID].map((jid) => [jid.split('@')[0]!, passwords.of(`xmpp.${jid}`)] as const);
  return {
    domain: XMPP_DOMAIN,
    users: Object.fromEntries(users),
    tls: await developmentCertificate(join(workspace.state, 'tls'), XMPP_DOMAIN),
  };
}
