import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

/*
 * The files with which a service proves who it is to a server, and by which it knows that server. Guarantees:
 * - A file that cannot be used is found when the service starts, and the error names the variable and the file in a
 *   sentence.
 * - Each new connection uses what the files hold at that moment. A pair that does not fit, as in the middle of a
 *   rotation, is passed over: the pair before it counts until the files are right again.
 * - Where a file is named, the service makes no connection without TLS, and none to a server that the authority does
 *   not know.
 */

/** Paths of PEM files. `cert` and `key` come together; without them the server alone is known. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

interface TlsPems {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

export type TlsServer = 'NATS' | 'DATABASE' | 'REDIS';
type Part = 'CA' | 'CERT' | 'KEY';
export type TlsVariable<S extends TlsServer> = `${S}_TLS_${Part}_FILE`;

/** A mistake in one of the files. */
export interface TlsTrouble {
  readonly part: Part;
  readonly sentence: string;
}

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Reads the files and holds them against each other, at a moment. */
export function readTlsFiles(files: TlsFiles, now = Date.now()): { pems: TlsPems } | { troubles: TlsTrouble[] } {
  const troubles: TlsTrouble[] = [];
  const read = (part: Part, file: string): string | undefined => {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? 'no reason given';
      troubles.push({ part, sentence: `${file} cannot be read (${why}): name a PEM file that this service may read` });
      return undefined;
    }
  };
  const certificates = (part: Part, file: string, text: string | undefined): X509Certificate[] => {
    if (text === undefined) return [];
    try {
      const found = (text.match(CERTIFICATES) ?? []).map((pem) => new X509Certificate(pem));
      if (found.length === 0) throw new Error('none');
      return found;
    } catch {
      troubles.push({ part, sentence: `${file} holds no certificate in PEM form` });
      return [];
    }
  };
  const ca = read('CA', files.ca);
  const authorities = certificates('CA', files.ca, ca);
  if (authorities.length > 0 && authorities.every((one) => Date.parse(one.validTo) < now))
    troubles.push({ part: 'CA', sentence: `every authority in ${files.ca} has expired: put in the present one` });
  const { cert: certFile, key: keyFile } = files;
  if (certFile === undefined || keyFile === undefined) {
    if (certFile !== undefined) troubles.push({ part: 'KEY', sentence: 'a certificate needs its key: name the file' });
    if (keyFile !== undefined) troubles.push({ part: 'CERT', sentence: 'a key needs its certificate: name the file' });
    return troubles.length > 0 ? { troubles } : { pems: { ca: ca! } };
  }
  const cert = read('CERT', certFile);
  const key = read('KEY', keyFile);
  const [own] = certificates('CERT', certFile, cert);
  if (own) {
    const [from, to] = [Date.parse(own.validFrom), Date.parse(own.validTo)];
    if (to < now) troubles.push({ part: 'CERT', sentence: `the certificate in ${certFile} expired on ${own.validTo}` });
    if (from > now)
      troubles.push({ part: 'CERT', sentence: `the certificate in ${certFile} counts from ${own.validFrom} on` });
    if (key !== undefined) troubles.push(...keyTrouble(keyFile, key, certFile, own));
  }
  return troubles.length > 0 ? { troubles } : { pems: { ca: ca!, cert: cert!, key: key! } };
}

function keyTrouble(keyFile: string, key: string, certFile: string, own: X509Certificate): TlsTrouble[] {
  try {
    const fits = own.checkPrivateKey(createPrivateKey(key));
    return fits ? [] : [{ part: 'KEY', sentence: `the key in ${keyFile} does not fit the certificate in ${certFile}` }];
  } catch {
    return [{ part: 'KEY', sentence: `${keyFile} holds no private key in PEM form without a passphrase` }];
  }
}

/** Options for client libraries, which read the properties with each connection. */
export interface TlsOptions {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: true;
}

/**
 * Options whose content is read from the files for each new connection. Throws where they cannot be used now.
 * `onTrouble`: the files changed to what cannot be used; the content of before goes on.
 */
export function tlsOptions(files: TlsFiles, onTrouble: (sentence: string) => void = () => undefined): TlsOptions {
  const first = readTlsFiles(files);
  if ('troubles' in first) throw new Error(first.troubles.map(({ sentence }) => sentence).join('; '));
  let good = first.pems;
  let told: string | undefined;
  let readAt = performance.now();
  const now = (): TlsPems => {
    // The parts of one connection are read together: asked for one after the other, they come from one reading.
    if (performance.now() - readAt < ONE_CONNECTION_MS) return good;
    readAt = performance.now();
    const again = readTlsFiles(files);
    const sentence = 'troubles' in again ? again.troubles.map((one) => one.sentence).join('; ') : undefined;
    if ('pems' in again) good = again.pems;
    if (sentence !== undefined && sentence !== told) onTrouble(sentence);
    told = sentence;
    return good;
  };
  const options = { rejectUnauthorized: true } as { -readonly [K in keyof TlsOptions]: TlsOptions[K] };
  for (const part of files.cert === undefined ? (['ca'] as const) : (['ca', 'cert', 'key'] as const))
    // Configurable: the client of PostgreSQL hides the key from whoever prints its options.
    Object.defineProperty(options, part, { get: () => now()[part], enumerable: true, configurable: true });
  return options;
}

const ONE_CONNECTION_MS = 20;

const SERVER_NAMES: Readonly<Record<TlsServer, string>> = { NATS: 'NATS', DATABASE: 'PostgreSQL', REDIS: 'Redis' };

/** The three settings of TLS to one server, for the configuration of a service. */
export function tlsVariables<S extends TlsServer>(server: S): Record<TlsVariable<S>, z.ZodOptional<z.ZodString>> {
  const name = SERVER_NAMES[server];
  const path = z.string().min(1).optional();
  const described: Record<Part, string> = {
    CA: `PEM file of the authority by which ${name} is known; set: TLS, and no connection without it`,
    CERT: `PEM file with the certificate that this service shows ${name}; read anew for each connection`,
    KEY: `PEM file with the key of that certificate`,
  };
  const entries = (['CA', 'CERT', 'KEY'] as const).map(
    (part) => [`${server}_TLS_${part}_FILE`, path.describe(described[part]).meta({ isShown: true })] as const,
  );
  return Object.fromEntries(entries) as Record<TlsVariable<S>, z.ZodOptional<z.ZodString>>;
}

/** The files that the settings name; undefined: no TLS of ours. Adds an issue for each that cannot be used. */
export function tlsFilesOf<S extends TlsServer>(
  server: S,
  env: Readonly<Partial<Record<TlsVariable<S>, string | undefined>>>,
  context: z.RefinementCtx,
): TlsFiles | undefined {
  const of = (part: Part): string | undefined => env[`${server}_TLS_${part}_FILE`];
  const [ca, cert, key] = [of('CA'), of('CERT'), of('KEY')];
  const issue = (part: Part, message: string): void =>
    context.addIssue({ code: 'custom', path: [`${server}_TLS_${part}_FILE`], message });
  if (ca === undefined) {
    if (cert !== undefined || key !== undefined)
      issue('CA', 'name the authority by which the server is known; without it a certificate is shown to anybody');
    return undefined;
  }
  const files = { ca, cert, key };
  const read = readTlsFiles(files);
  if ('troubles' in read) for (const { part, sentence } of read.troubles) issue(part, sentence);
  return files;
}
