import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { flawOfCa, passwordOf } from './login/credentials.ts';
import { parsePolicy, type PeerPolicy } from './peers/index.ts';

/* Validators of single variables. A file that a variable names is checked with the rest, at the start. */

/** user@domain, without a resource (RFC 7622 §3). */
export const BareJid = z
  .string()
  .regex(/^[^\s@/"&'<>:]{1,1023}@[^\s@/]{1,1023}$/, 'expected a bare JID such as agent@example.org');

/** user@domain, or a bare user, whose domain is AZTM_DOMAIN. */
export const UserId = z
  .string()
  .regex(
    /^[^\s@/"&'<>:]{1,1023}(@[^\s@/]{1,1023})?$/,
    'expected an account such as agent@example.org, or its user alone beside AZTM_DOMAIN',
  );

/** A name or an address; the port is a variable of its own. */
export const Host = z
  .string()
  .min(1)
  .max(255)
  .superRefine((host, context) => {
    if (/[[\]]/.test(host))
      context.addIssue({ code: 'custom', message: 'expected an IPv6 address without brackets, such as ::1' });
    else if (/^[^:]*:\d*$/.test(host))
      context.addIssue({ code: 'custom', message: 'expected a name or an address without a port: that is AZTM_PORT' });
  });

/** The file of AZTM_PEER_POLICY: judged with the rest at the start, read again later (policy-file.ts). */
export const PeerPolicyFile = z
  .string()
  .default('')
  .transform((path, context): { readonly file: string | undefined; readonly policy: PeerPolicy } => {
    if (path === '') return { file: undefined, policy: {} };
    try {
      return { file: path, policy: parsePolicy(readFileSync(path, 'utf8')) };
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'it cannot be read' });
      return z.NEVER;
    }
  });

/** The file of AZTM_PASSWORD_FILE: judged at the start, read again later. */
export const PasswordFile = z
  .string()
  .min(1)
  .transform((path, context): { path: string; password: string } => {
    try {
      const password = passwordOf(readFileSync(path, 'utf8'));
      if (password !== undefined) return { path, password };
      context.addIssue({ code: 'custom', message: 'holds no password, or one of more than 1,024 characters' });
    } catch (error) {
      context.addIssue({ code: 'custom', message: unreadable(error) });
    }
    return z.NEVER;
  });

/** The file of AZTM_CA_FILE: judged at the start, read again later. */
export const CaFile = z
  .string()
  .min(1)
  .superRefine((path, context) => {
    try {
      const wrong = flawOfCa(readFileSync(path, 'utf8'));
      if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong });
    } catch (error) {
      context.addIssue({ code: 'custom', message: unreadable(error) });
    }
  });

function unreadable(error: unknown): string {
  const why = (error as NodeJS.ErrnoException).code ?? 'unknown';
  return `cannot be read (${why}): name a file that this service may read`;
}

/** SHA-256 of a certificate, as openssl prints it or without the colons. */
export const Fingerprint = z
  .string()
  .transform((text) => text.replaceAll(':', '').toLowerCase())
  .pipe(z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 of 64 hexadecimal digits, with or without colons'));
