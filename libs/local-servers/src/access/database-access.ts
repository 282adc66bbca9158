import { DATABASE_ROLES, databaseLogin, passwordName } from './logins.ts';
import type { Passwords } from './passwords.ts';

/** A login of one app: a member of its role, and nothing else. */
export interface DatabaseLogin {
  readonly login: string;
  readonly password: string;
  readonly memberOf: string;
}

/** The logins on PostgreSQL. What their roles may do is for the migrations to say. */
export function databaseLogins(passwords: Pick<Passwords, 'of'>): DatabaseLogin[] {
  return Object.values(DATABASE_ROLES).map((memberOf) => {
    const login = databaseLogin(memberOf);
    return { login, memberOf, password: passwords.of(passwordName('postgres', login)) };
  });
}
