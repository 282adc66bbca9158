-- Tools that admins registered for their tenant.
--
--  Z1. Whoever keeps a copy knows by the version of the whole whether it is of now.

create table mcp_tool.tool_definitions (
  tenant_id text not null,
  name text not null,
  definition text not null,
  by_user text not null,
  updated_at timestamptz(3) not null,
  constraint tool_definitions_pkey primary key (tenant_id, name)
);

create table mcp_tool.tool_definitions_version (
  id boolean not null default true,
  version bigint not null,
  constraint tool_definitions_version_pkey primary key (id),
  constraint tool_definitions_version_one check (id)
);
insert into mcp_tool.tool_definitions_version (id, version) values (true, 0);

-- Z1
create function mcp_tool.raise_tool_definitions_version() returns trigger
language plpgsql as $$
begin
  update mcp_tool.tool_definitions_version set version = version + 1;
  return null;
end $$;
create trigger tool_definitions_changed after insert or update or delete on mcp_tool.tool_definitions
  for each statement execute function mcp_tool.raise_tool_definitions_version();

grant select, insert, update, delete on mcp_tool.tool_definitions to switchyard_mcp_tool;
grant select, update on mcp_tool.tool_definitions_version to switchyard_mcp_tool;
