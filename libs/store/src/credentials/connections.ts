/** The owner of a connection. */
export interface ConnectionOwner {
  readonly tenantId: string;
  readonly userId: string;
  readonly provider: string;
}

/** A user's authorisation at a provider. `sealed` is opened by the holder of the key, never here. */
export interface Connection extends ConnectionOwner {
  readonly connectionId: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  /** Further scopes that the next authorisation asks for. Empty: none. */
  readonly wantedScopes: readonly string[];
  /** `expired`: the provider no longer renews it; the user must authorise again. */
  readonly status: 'connected' | 'expired';
  readonly sealed: string;
  readonly kid: string;
  /** Rises with every change. */
  readonly version: number;
  /** When the access token expires, milliseconds since 1970; null: the provider did not say. */
  readonly expiresAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** An open login at a provider. */
export interface Login extends ConnectionOwner {
  readonly sessionHash: string;
  readonly sealed: string;
  readonly returnTo: string | null;
}

export type NewConnection = Omit<Connection, 'status' | 'version' | 'createdAt' | 'updatedAt' | 'wantedScopes'>;

/** The result of a renewal; null: the provider no longer renews. */
export type Renewed = Pick<Connection, 'sealed' | 'kid' | 'scopes' | 'expiresAt'> | null;

/** The connections of users to providers (see the promises in prisma/migrations, `provider_connections`). */
export interface Connections {
  /** Replaces the user's earlier connection to this provider. */
  save(connection: NewConnection): Promise<void>;
  get(owner: ConnectionOwner): Promise<Connection | undefined>;
  /** By provider. */
  list(owner: Omit<ConnectionOwner, 'provider'>): Promise<Connection[]>;
  /** Changes whenever a connection of this user may have changed. */
  epoch(owner: Omit<ConnectionOwner, 'provider'>): Promise<number>;
  /** Undefined if there was none. */
  remove(owner: ConnectionOwner): Promise<Pick<Connection, 'connectionId' | 'issuer' | 'sealed'> | undefined>;
  /** True: only the caller may renew this version within the lease; a lease of 0 ms releases it. */
  claimRenewal(connection: Pick<Connection, 'connectionId' | 'version'>, by: string, leaseMs: number): Promise<boolean>;
  /** False: the connection was revoked, replaced or renewed by another meanwhile. */
  endRenewal(connection: Pick<Connection, 'connectionId' | 'version'>, by: string, renewed: Renewed): Promise<boolean>;
  /** Stores the scopes to ask for at the next authorisation. */
  wantScopes(connectionId: string, scopes: readonly string[]): Promise<void>;
  /** Stores the credential sealed under another key, if it is still the one that was read. */
  reseal(connection: Pick<Connection, 'connectionId' | 'sealed'>, sealed: string, kid: string): Promise<void>;
  /** Connections that are sealed with a key other than `kid`, after the id `after`. */
  sealedOtherwise(kid: string, options: { after: string; limit: number }): Promise<Connection[]>;
  /** Stores a login for `ttlMs`. False: this user has too many open logins. */
  beginLogin(stateHash: string, login: Login, ttlMs: number): Promise<boolean>;
  /** Takes the login, once. Undefined: it does not exist, was taken before, or is too old. */
  takeLogin(stateHash: string): Promise<Login | undefined>;
}
