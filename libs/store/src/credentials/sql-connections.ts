import type { Pool } from 'pg';
import type { Connection, ConnectionOwner, Connections, Login, NewConnection, Renewed } from './connections.ts';
import { row, rows, type Statement } from '../postgres/index.ts';

const statement = (name: string, text: string): Statement => ({ name: `connections_${name}`, text });

const COLUMNS = `connection_id, tenant_id, user_id, provider, issuer, scopes, status, sealed, kid, version, expires_at,
  created_at, updated_at, wanted_scopes`;
const SAVE = statement('save', 'select mcp_tool.save_connection($1, $2, $3, $4, $5, $6, $7, $8, $9)');
const GET = statement(
  'get',
  `select ${COLUMNS} from mcp_tool.provider_connections where tenant_id = $1 and user_id = $2 and provider = $3`,
);
const LIST = statement(
  'list',
  `select ${COLUMNS} from mcp_tool.provider_connections where tenant_id = $1 and user_id = $2 order by provider`,
);
const EPOCH = statement('epoch', 'select epoch from mcp_tool.provider_epochs where tenant_id = $1 and user_id = $2');
const REMOVE = statement('remove', 'select * from mcp_tool.remove_connection($1, $2, $3)');
const CLAIM = statement('claim', 'select mcp_tool.claim_renewal($1, $2, $3, $4) as done');
const END = statement('end', 'select mcp_tool.end_renewal($1, $2, $3, $4, $5, $6, $7) as done');
const WANT = statement('want', 'select mcp_tool.want_scopes($1, $2)');
const RESEAL = statement(
  'reseal',
  'update mcp_tool.provider_connections set sealed = $3, kid = $4 where connection_id = $1 and sealed = $2',
);
const SEALED_OTHERWISE = statement(
  'sealed_otherwise',
  `select ${COLUMNS} from mcp_tool.provider_connections where kid <> $1 and connection_id > $2
   order by connection_id limit $3`,
);
/** The limit of open logins of one user. */
const MAX_LOGINS = 20;
/** Also removes old logins. $8: ms */
const BEGIN_LOGIN = statement(
  'begin_login',
  `with gone as (
     delete from mcp_tool.provider_logins where state_hash in (
       select state_hash from mcp_tool.provider_logins where expires_at < clock_timestamp() limit 100))
   insert into mcp_tool.provider_logins
     (state_hash, tenant_id, user_id, provider, session_hash, sealed, return_to, expires_at)
   select $1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8::int * interval '1 millisecond'
   where (select count(*) from mcp_tool.provider_logins
          where tenant_id = $2 and user_id = $3 and expires_at >= clock_timestamp()) < ${MAX_LOGINS}
   returning state_hash`,
);
const TAKE_LOGIN = statement(
  'take_login',
  `delete from mcp_tool.provider_logins where state_hash = $1
   returning tenant_id, user_id, provider, session_hash, sealed, return_to, expires_at >= clock_timestamp() as fresh`,
);

interface ConnectionRow {
  connection_id: string;
  tenant_id: string;
  user_id: string;
  provider: string;
  issuer: string;
  scopes: string;
  status: Connection['status'];
  sealed: string;
  kid: string;
  version: number;
  expires_at: Date | null;
  created_at: Date;
  updated_at: Date;
  wanted_scopes: string;
}

interface LoginRow {
  tenant_id: string;
  user_id: string;
  provider: string;
  session_hash: string;
  sealed: string;
  return_to: string | null;
  fresh: boolean;
}

/** Connections over PostgreSQL; the functions in prisma/migrations keep the promises. */
export class SqlConnections implements Connections {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async save(c: NewConnection): Promise<void> {
    const owner = [c.tenantId, c.userId, c.provider];
    await row(this.#pool, SAVE, [
      c.connectionId,
      ...owner,
      c.issuer,
      c.scopes.join(' '),
      c.sealed,
      c.kid,
      toDate(c.expiresAt),
    ]);
  }

  async get({ tenantId, userId, provider }: ConnectionOwner): Promise<Connection | undefined> {
    const [found] = await rows<ConnectionRow>(this.#pool, GET, [tenantId, userId, provider]);
    return found && toConnection(found);
  }

  async list({ tenantId, userId }: Omit<ConnectionOwner, 'provider'>): Promise<Connection[]> {
    return (await rows<ConnectionRow>(this.#pool, LIST, [tenantId, userId])).map(toConnection);
  }

  async epoch({ tenantId, userId }: Omit<ConnectionOwner, 'provider'>): Promise<number> {
    const [found] = await rows<{ epoch: string }>(this.#pool, EPOCH, [tenantId, userId]);
    return Number(found?.epoch ?? 0);
  }

  async remove({ tenantId, userId, provider }: ConnectionOwner) {
    const [gone] = await rows<Pick<ConnectionRow, 'connection_id' | 'issuer' | 'sealed'>>(this.#pool, REMOVE, [
      tenantId,
      userId,
      provider,
    ]);
    return gone && { connectionId: gone.connection_id, issuer: gone.issuer, sealed: gone.sealed };
  }

  async claimRenewal({ connectionId, version }: Pick<Connection, 'connectionId' | 'version'>, by: string, ms: number) {
    return (await row<{ done: boolean }>(this.#pool, CLAIM, [connectionId, version, by, ms])).done;
  }

  async endRenewal({ connectionId, version }: Pick<Connection, 'connectionId' | 'version'>, by: string, to: Renewed) {
    const values = to ? [to.sealed, to.kid, to.scopes.join(' '), toDate(to.expiresAt)] : [null, null, null, null];
    return (await row<{ done: boolean }>(this.#pool, END, [connectionId, version, by, ...values])).done;
  }

  async wantScopes(connectionId: string, scopes: readonly string[]): Promise<void> {
    await row(this.#pool, WANT, [connectionId, scopes.join(' ')]);
  }

  async reseal({ connectionId, sealed: before }: Pick<Connection, 'connectionId' | 'sealed'>, to: string, kid: string) {
    await rows(this.#pool, RESEAL, [connectionId, before, to, kid]);
  }

  async sealedOtherwise(kid: string, { after, limit }: { after: string; limit: number }): Promise<Connection[]> {
    return (await rows<ConnectionRow>(this.#pool, SEALED_OTHERWISE, [kid, after, limit])).map(toConnection);
  }

  async beginLogin(stateHash: string, login: Login, ttlMs: number): Promise<boolean> {
    const { tenantId, userId, provider, sessionHash, sealed, returnTo } = login;
    const values = [stateHash, tenantId, userId, provider, sessionHash, sealed, returnTo, ttlMs];
    return (await rows(this.#pool, BEGIN_LOGIN, values)).length > 0;
  }

  async takeLogin(stateHash: string): Promise<Login | undefined> {
    const [taken] = await rows<LoginRow>(this.#pool, TAKE_LOGIN, [stateHash]);
    if (!taken?.fresh) return undefined;
    const { tenant_id: tenantId, user_id: userId, provider, session_hash: sessionHash, sealed } = taken;
    return { tenantId, userId, provider, sessionHash, sealed, returnTo: taken.return_to };
  }
}

function toDate(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}

function toConnection(found: ConnectionRow): Connection {
  const { provider, issuer, status, sealed, kid, version } = found;
  return {
    connectionId: found.connection_id,
    tenantId: found.tenant_id,
    userId: found.user_id,
    provider,
    issuer,
    scopes: found.scopes.split(' ').filter(Boolean),
    status,
    sealed,
    kid,
    version,
    wantedScopes: found.wanted_scopes.split(' ').filter(Boolean),
    expiresAt: found.expires_at?.getTime() ?? null,
    createdAt: found.created_at.getTime(),
    updatedAt: found.updated_at.getTime(),
  };
}
