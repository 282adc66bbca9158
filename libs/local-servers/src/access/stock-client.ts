/**
 * What a stock NATS client takes to log in with a URL; the library does not read logins out of URLs. Answers are let
 * through to the inboxes of those that may ask: `inbox` says whose, where the login is not one of them.
 */
export function stockClient(
  url: string,
  inbox?: string,
): { readonly servers: string; readonly inboxPrefix?: string; readonly user?: string; readonly pass?: string } {
  const { host, username, password } = new URL(url);
  const prefix = inbox ?? username;
  return {
    servers: host,
    ...(prefix ? { inboxPrefix: `_INBOX.${prefix}` } : {}),
    ...(username ? { user: decodeURIComponent(username), pass: decodeURIComponent(password) } : {}),
  };
}
