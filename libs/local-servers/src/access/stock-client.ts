/**
 * The options with which a stock NATS client logs in with a URL; the library does not read logins out of URLs. The
 * permissions allow answers only to the inboxes of known apps: `inbox` is the app to name if the login is none of them.
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
