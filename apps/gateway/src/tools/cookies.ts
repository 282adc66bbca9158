import { parseCookie, stringifySetCookie } from 'cookie';

/* The cookies of this server. Pure. */

/** The value of a cookie; undefined if it is missing, or was sent more than once: another page may have set the second. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  const own = (header ?? '').split(';').filter((part) => part.split('=', 1)[0]?.trim() === name);
  return own.length === 1 ? parseCookie(own[0]!)[name] : undefined;
}

export interface CookieOptions {
  readonly path: string;
  /** 0 removes it. */
  readonly maxAgeS: number;
  readonly secure: boolean;
}

/** A cookie that no script can read, sent along only when a person follows a link here. */
export function setCookie(name: string, value: string, { path, maxAgeS, secure }: CookieOptions): string {
  return stringifySetCookie({ name, value, path, maxAge: maxAgeS, httpOnly: true, sameSite: 'lax', secure });
}
