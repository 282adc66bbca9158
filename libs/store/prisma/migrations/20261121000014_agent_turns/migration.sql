-- What the tool agent decided in a step, turn by turn, before it acted on it.
--
--  A1. A turn of a step is decided once: of several workers that decide it, the first wins, and all act on that.

create table mcp_tool.agent_turns (
  tenant_id text not null,
  user_id text not null,
  step_key text not null,
  turn int not null,
  body text not null,
  created_at timestamptz(3) not null,
  constraint agent_turns_pkey primary key (tenant_id, user_id, step_key, turn),
  constraint agent_turns_size check (length(body) <= 2000000)
);
create index agent_turns_created on mcp_tool.agent_turns (created_at);

-- A1: answers what is kept.
create function mcp_tool.keep_agent_turn(p_tenant text, p_user text, p_step text, p_turn int, p_body text) returns text
language plpgsql as $$
declare
  v_body text;
begin
  insert into mcp_tool.agent_turns (tenant_id, user_id, step_key, turn, body, created_at)
  values (p_tenant, p_user, p_step, p_turn, p_body, clock_timestamp())
  on conflict do nothing;
  if found then
    return p_body;
  end if;
  select body into v_body from mcp_tool.agent_turns
  where tenant_id = p_tenant and user_id = p_user and step_key = p_step and turn = p_turn;
  return v_body;
end $$;

grant select, insert, delete on mcp_tool.agent_turns to switchyard_mcp_tool;
