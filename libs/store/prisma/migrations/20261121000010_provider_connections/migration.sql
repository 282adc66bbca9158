-- What users have authorised at providers, and the logins there that are under way.
--
--  X1. One connection per (tenant, user, provider). Its credential is sealed before it comes here; nothing in this schema
--      can open it.
--  X2. Every change of a user's connections raises the epoch of this user, in the same transaction.
--  X3. One process at a time renews a credential, by a lease in the row; a renewal counts only for the version that it
--      was begun with, so a connection that was revoked or replaced meanwhile stays as it is.
--  X4. The state of a login is taken once, by whoever brings it, and never again.

create table mcp_tool.provider_connections (
  connection_id text not null,
  tenant_id text not null,
  user_id text not null,
  provider text not null,
  issuer text not null,
  scopes text not null,
  status text not null,
  sealed text not null,
  kid text not null,
  version int not null,
  expires_at timestamptz(3),
  renewer text,
  renewing_until timestamptz(3),
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  constraint provider_connections_pkey primary key (connection_id),
  constraint provider_connections_status check (status in ('connected', 'expired'))
);
create unique index provider_connections_user on mcp_tool.provider_connections (tenant_id, user_id, provider);
create index provider_connections_kid on mcp_tool.provider_connections (kid, connection_id);

create table mcp_tool.provider_epochs (
  tenant_id text not null,
  user_id text not null,
  epoch bigint not null,
  constraint provider_epochs_pkey primary key (tenant_id, user_id)
);

create table mcp_tool.provider_logins (
  state_hash text not null,
  tenant_id text not null,
  user_id text not null,
  provider text not null,
  session_hash text not null,
  sealed text not null,
  return_to text,
  expires_at timestamptz(3) not null,
  constraint provider_logins_pkey primary key (state_hash)
);
create index provider_logins_expiry on mcp_tool.provider_logins (expires_at);
create index provider_logins_user on mcp_tool.provider_logins (tenant_id, user_id);

-- X2
create function mcp_tool.raise_provider_epoch(p_tenant text, p_user text) returns bigint
language sql as $$
  insert into mcp_tool.provider_epochs as e (tenant_id, user_id, epoch) values (p_tenant, p_user, 1)
  on conflict (tenant_id, user_id) do update set epoch = e.epoch + 1
  returning e.epoch
$$;

-- X1, X2. A new authorisation takes the place of an old one, under a new id.
create function mcp_tool.save_connection(
  p_id text, p_tenant text, p_user text, p_provider text, p_issuer text, p_scopes text, p_sealed text, p_kid text,
  p_expires_at timestamptz
) returns bigint
language plpgsql as $$
begin
  insert into mcp_tool.provider_connections as c (
    connection_id, tenant_id, user_id, provider, issuer, scopes, status, sealed, kid, version, expires_at, created_at,
    updated_at
  ) values (
    p_id, p_tenant, p_user, p_provider, p_issuer, p_scopes, 'connected', p_sealed, p_kid, 1, p_expires_at,
    clock_timestamp(), clock_timestamp()
  ) on conflict (tenant_id, user_id, provider) do update set
    connection_id = excluded.connection_id, issuer = excluded.issuer, scopes = excluded.scopes, status = 'connected',
    sealed = excluded.sealed, kid = excluded.kid, version = c.version + 1, expires_at = excluded.expires_at,
    renewer = null, renewing_until = null, updated_at = clock_timestamp();
  return mcp_tool.raise_provider_epoch(p_tenant, p_user);
end $$;

-- X2. Answers what was sealed, for telling the provider; no row where there was no connection.
create function mcp_tool.remove_connection(p_tenant text, p_user text, p_provider text)
returns table (connection_id text, issuer text, sealed text)
language plpgsql as $$
#variable_conflict use_column
begin
  return query delete from mcp_tool.provider_connections c
    where c.tenant_id = p_tenant and c.user_id = p_user and c.provider = p_provider
    returning c.connection_id, c.issuer, c.sealed;
  if found then
    perform mcp_tool.raise_provider_epoch(p_tenant, p_user);
  end if;
end $$;

-- X3. True: the caller may renew this version, until the lease ends. Asked again with a lease of 0, it gives it back.
create function mcp_tool.claim_renewal(p_id text, p_version int, p_renewer text, p_lease_ms int) returns boolean
language plpgsql as $$
begin
  update mcp_tool.provider_connections c
  set renewer = p_renewer, renewing_until = clock_timestamp() + p_lease_ms * interval '1 millisecond'
  where c.connection_id = p_id and c.version = p_version
    and (c.renewer is null or c.renewer = p_renewer or c.renewing_until <= clock_timestamp());
  return found;
end $$;

-- X3. Ends a renewal: with a new credential, or (sealed null) with none, where the provider does not renew it any more.
-- False: it is not the caller's any more.
create function mcp_tool.end_renewal(
  p_id text, p_version int, p_renewer text, p_sealed text, p_kid text, p_scopes text, p_expires_at timestamptz
) returns boolean
language plpgsql as $$
declare
  v_tenant text;
  v_user text;
begin
  update mcp_tool.provider_connections c
  set sealed = coalesce(p_sealed, c.sealed), kid = coalesce(p_kid, c.kid), scopes = coalesce(p_scopes, c.scopes),
    status = case when p_sealed is null then 'expired' else 'connected' end,
    expires_at = case when p_sealed is null then c.expires_at else p_expires_at end,
    version = c.version + 1, renewer = null, renewing_until = null, updated_at = clock_timestamp()
  where c.connection_id = p_id and c.version = p_version and c.renewer = p_renewer
  returning c.tenant_id, c.user_id into v_tenant, v_user;
  if not found then return false; end if;
  perform mcp_tool.raise_provider_epoch(v_tenant, v_user);
  return true;
end $$;

grant select, insert, update, delete on mcp_tool.provider_connections, mcp_tool.provider_logins to switchyard_mcp_tool;
grant select, insert, update on mcp_tool.provider_epochs to switchyard_mcp_tool;
revoke all on function mcp_tool.raise_provider_epoch(text, text), mcp_tool.remove_connection(text, text, text),
  mcp_tool.save_connection(text, text, text, text, text, text, text, text, timestamptz),
  mcp_tool.claim_renewal(text, int, text, int),
  mcp_tool.end_renewal(text, int, text, text, text, text, timestamptz) from public;
grant execute on function mcp_tool.raise_provider_epoch(text, text), mcp_tool.remove_connection(text, text, text),
  mcp_tool.save_connection(text, text, text, text, text, text, text, text, timestamptz),
  mcp_tool.claim_renewal(text, int, text, int),
  mcp_tool.end_renewal(text, int, text, text, text, text, timestamptz) to switchyard_mcp_tool;
