-- Which definitions of the tools of MCP upstreams may be used.
--
--  G1. One row per tool of an upstream. `approved` is the one definition, to the letter, that may be used.
--  G2. `pending` is another one that was seen since and waits for a person; it is never the approved one.
--  G3. A person decides on just the definition that was looked at: by its hash.
--  G4. Noting the same twice, by two replicas or again, changes nothing the second time.
create table mcp_tool.tool_pins (
  upstream text not null,
  tool text not null,
  approved text,
  pending text,
  pending_hash text,
  reasons text not null default '[]',
  rejected_hash text,
  seen_at timestamptz(3) not null,
  decided_by text,
  decided_at timestamptz(3),
  constraint tool_pins_pkey primary key (upstream, tool),
  constraint tool_pins_pending check ((pending is null) = (pending_hash is null)),
  constraint tool_pins_other check (pending is null or pending is distinct from approved)
);
create index tool_pins_waiting on mcp_tool.tool_pins (upstream, tool) where pending is not null;

grant select, insert, update, delete on mcp_tool.tool_pins to switchyard_mcp_tool;
