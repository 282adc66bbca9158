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
export const OLDEST_POSTGRES: number;
export const SERVERS: readonly ServerDescription[];
export function findProgram(name: string, env?: NodeJS.ProcessEnv): string | undefined;
export function findPostgresBin(env?: NodeJS.ProcessEnv): string | undefined;
