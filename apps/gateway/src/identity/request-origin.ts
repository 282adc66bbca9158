import { isIP } from 'node:net';
import { AppError } from '@switchyard/contracts';

/*
 * Checks from where a request may come: the host name that it was sent to, and the page that sent it. Pure.
 *
 * - In development, where an identity is assumed, every request must name this machine, an address or a listed name:
 *   otherwise a page with DNS rebinding could be any user. In other modes names are checked if they are configured.
 * - A page of another origin counts only if CORS_ORIGINS names it, or if it is of this machine.
 * - If the edge identifies users by a cookie, a page of another site may change nothing: browsers send Sec-Fetch-Site
 *   and Origin, and no page can change these. A program sends neither.
 */

export interface HostPolicy {
  /** Host names of this server, without port. */
  readonly allowedHosts: readonly string[];
  /** True: names that are not listed are refused. */
  readonly checked: boolean;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Throws `forbidden` for a host name that is not this server's. */
export function checkHost({ host }: Headers, policy: HostPolicy, setting: string): void {
  if (!policy.checked) return;
  const name = hostOf(host);
  if (
    name !== undefined &&
    (isLocal(name) || isAddress(name) || policy.allowedHosts.some((known) => same(known, name)))
  )
    return;
  throw new AppError('forbidden', `This host name is not one of this server; name it in ${setting}.`);
}

/** Throws `forbidden` for a page that is neither of this server, nor of this machine, nor listed. */
export function checkOrigin(headers: Headers, allowedOrigins: readonly string[]): void {
  const { host, origin } = headers;
  if (origin === undefined || isListed(origin, allowedOrigins)) return;
  const page = typeof origin === 'string' ? origin : '';
  const from = hostnameOf(page);
  if (from !== undefined && (isLocal(from) || isOwn(page, host))) return;
  throw new AppError('forbidden', 'Pages of this origin may not call; name it in CORS_ORIGINS.');
}

/** Throws `forbidden` for a request that a page of another site made with its browser's credentials. */
export function checkCrossSite(headers: Headers, allowedOrigins: readonly string[]): void {
  const { host, origin } = headers;
  const site = headers['sec-fetch-site'];
  if (isListed(origin, allowedOrigins)) return;
  // The browser compares the addresses that it sees itself, before any proxy changes the Host.
  if (site === 'same-origin' || site === 'none') return;
  if (origin === undefined ? site === undefined || site === 'same-site' : isOwn(String(origin), host)) return;
  throw new AppError('forbidden', 'A page of another site may not do this; name its origin in CORS_ORIGINS.');
}

/** The host name of a Host header, without port; undefined if it is not one host. */
export function hostOf(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string' || !HOST.test(header)) return undefined;
  return hostnameOf(`http://${header}`);
}

/** A name or IPv4 address, or an IPv6 address in brackets, with or without a port. */
const HOST = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;

function isListed(origin: string | string[] | undefined, allowed: readonly string[]): boolean {
  return typeof origin === 'string' && (allowed.includes('*') || allowed.includes(origin));
}

function isOwn(page: string, host: string | string[] | undefined): boolean {
  return page === `http://${String(host)}` || page === `https://${String(host)}`;
}

function same(known: string, name: string): boolean {
  return known.toLowerCase() === name.toLowerCase();
}

function hostnameOf(url: string): string | undefined {
  try {
    return new URL(url).hostname;
  } catch {
    return undefined;
  }
}

function isLocal(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(name);
}

/** True for an IP address, which DNS rebinding cannot abuse. */
function isAddress(name: string): boolean {
  return isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}
