export type ServerName = 'nats' | 'postgres' | 'redis' | 'prosody';
export interface ServerDescription {
  readonly name: ServerName;
  /** The Debian package that brings it. */
  readonly aptPackage: string;
  /** The environment variable whose URL replaces the private server. */
  readonly replacedBy: string;
  /** Path of the server's binary (PostgreSQL: the folder of its binaries), or undefined. */
  find(env?: NodeJS.ProcessEnv): string | undefined;
}
/** What makes the system safer or faster where it is there. */
export interface OptionalPackage {
  readonly name: 'bubblewrap';
  readonly aptPackage: string;
  find(env?: NodeJS.ProcessEnv): string | undefined;
}
export const OPTIONAL_PACKAGES: readonly OptionalPackage[];
/** What only tests need. Where it is missing and cannot be installed, the tests that need it are skipped. */
export interface TestPackage {
  readonly name: 'ejabberd' | 'slixmpp' | 'promtool' | 'xvfb' | 'openbox' | OptionalPackage['name'];
  readonly aptPackage: string;
  find(env?: NodeJS.ProcessEnv): string | undefined;
}
export const TEST_PACKAGES: readonly TestPackage[];
export const OLDEST_POSTGRES: number;
export const SERVERS: readonly ServerDescription[];
export function findProgram(name: string, env?: NodeJS.ProcessEnv): string | undefined;
export function findPostgresBin(env?: NodeJS.ProcessEnv): string | undefined;
