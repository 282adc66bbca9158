-- The turns of conversations and the audit log for people who read the database: a view under a role of its own.
--
--  V1. `switchyard_reader` reads `orchestrator.conversation_turns` and `audit.audit_events`, of every tenant, and nothing
--      else; it changes nothing. It cannot log in, and nobody is a member: who reads is for the owner to say, with
--      `grant switchyard_reader to <login>`.
--  V2. The services do not read the view: what they may do stays as it was.
--
-- Not in the schema `public`: hosted PostgreSQL may show what is there to everybody who has an account.

do $$
begin
  if not exists (select from pg_roles where rolname = 'switchyard_reader') then
    create role switchyard_reader nologin;
  end if;
exception when duplicate_object or unique_violation then
  null; -- Another database of this server made it at the same moment.
end $$;

create view orchestrator.conversation_turns as
select r.run_id as turn_id, r.tenant_id, r.user_id, r.thread_id as session_id, r.task as user_message,
  r.answer as agent_response, r.phase, r.status, r.created_at, r.ended_at
from orchestrator.runs r;

comment on view orchestrator.conversation_turns is
  'One row for each turn of a conversation: what a user said and what was answered. A turn is a run.';

grant usage on schema orchestrator, audit to switchyard_reader;
grant select on orchestrator.conversation_turns, audit.audit_events to switchyard_reader;
