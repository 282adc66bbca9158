/* The cookies of this server. Pure. */

/** The value of a cookie; undefined if it is missing, or was sent more than once. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  const values = (header ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`))
    .map((part) => part.slice(name.length + 1));
  return values.length === 1 ? values[0] : undefined;
}

export interface CookieOptions {
  readonly path: string;
  /** 0 removes it. */
  readonly maxAgeS: number;
  readonly secure: boolean;
}

/** A cookie that no script can read, sent along only when a person follows a link here. */
export function setCookie(name: string, value: string, { path, maxAgeS, secure }: CookieOptions): string {
  return `${name}=${value}; Path=${path}; Max-Age=${maxAgeS}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
}
