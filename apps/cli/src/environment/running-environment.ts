import { xmppAccounts } from './xmpp-accounts.ts';
import type { Environment } from './environment.ts';
import type { Workspace } from './workspace.ts';
import { readStatus } from './process-files.ts';
import { hasOwnLogin, loginSettings, OWN_JID } from './xmpp-login.ts';

/**
 * What the bridge of this clone is told: the person's own login; else, while the stack runs, the quick start's account
 * on the private server. The partner of the quick start is left out: it is there during `demo federation` only.
 */
export async function bridgeEnvironment(workspace: Workspace, environment: Environment): Promise<Environment> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value));
  if (hasOwnLogin(given)) return given;
  const server = readStatus(workspace).processes.find(({ name }) => name === 'prosody');
  if (!server) return given;
  return { ...given, ...loginSettings(await xmppAccounts(workspace), OWN_JID, server.url) };
}
