-- Providers that an MCP server led to: how we are known there, and what a user is asked for beyond what was granted.
--
--  X5. One registration per (provider, issuer). It is sealed before it comes here; of two that are made at once the first
--      counts. Only one that ended, or that names another redirect address, is replaced.
--  X6. What a user is asked for beyond what was granted stands with the connection and is gone with the next one.

create table mcp_tool.provider_registrations (
  provider text not null,
  issuer text not null,
  client_id text not null,
  redirect_uri text not null,
  sealed text not null,
  kid text not null,
  expires_at timestamptz(3),
  created_at timestamptz(3) not null,
  constraint provider_registrations_pkey primary key (provider, issuer)
);
create index provider_registrations_kid on mcp_tool.provider_registrations (kid, provider, issuer);

alter table mcp_tool.provider_connections add column wanted_scopes text not null default '';

-- X1, X2, X6. A new authorisation takes the place of an old one, under a new id.
create or replace function mcp_tool.save_connection(
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
    wanted_scopes = '', renewer = null, renewing_until = null, updated_at = clock_timestamp();
  return mcp_tool.raise_provider_epoch(p_tenant, p_user);
end $$;

-- X2, X6. False: there is no such connection any more.
create function mcp_tool.want_scopes(p_id text, p_wanted text) returns boolean
language plpgsql as $$
declare
  v_tenant text;
  v_user text;
begin
  update mcp_tool.provider_connections c set wanted_scopes = p_wanted where c.connection_id = p_id
  returning c.tenant_id, c.user_id into v_tenant, v_user;
  if not found then return false; end if;
  perform mcp_tool.raise_provider_epoch(v_tenant, v_user);
  return true;
end $$;

grant select, insert, update, delete on mcp_tool.provider_registrations to switchyard_mcp_tool;
revoke all on function mcp_tool.want_scopes(text, text) from public;
grant execute on function mcp_tool.want_scopes(text, text) to switchyard_mcp_tool;
