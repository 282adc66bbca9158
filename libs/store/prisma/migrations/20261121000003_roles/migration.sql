-- One role per owner, with no more than it needs. They cannot log in: an app's login is made a member of its role, and
-- the app takes the role on with each connection. Roles belong to the whole server, so one may be there already.

do $$
declare
  v_role text;
begin
  foreach v_role in array array['switchyard_orchestrator', 'switchyard_mcp_tool', 'switchyard_audit'] loop
    begin
      if not exists (select from pg_roles where rolname = v_role) then
        execute format('create role %I nologin', v_role);
      end if;
    exception when duplicate_object or unique_violation then
      null; -- Another database of this server made it at the same moment.
    end;
  end loop;
end $$;

revoke all on all functions in schema orchestrator, audit from public;

grant usage on schema orchestrator to switchyard_orchestrator;
grant select, insert, update on orchestrator.runs to switchyard_orchestrator;
grant select, insert on orchestrator.run_events, orchestrator.run_inbox, orchestrator.blobs to switchyard_orchestrator;
grant execute on all functions in schema orchestrator to switchyard_orchestrator;

grant usage on schema mcp_tool to switchyard_mcp_tool;
grant select, insert, update, delete on mcp_tool.notes to switchyard_mcp_tool;

grant usage on schema audit to switchyard_audit;
grant select, insert on audit.audit_events to switchyard_audit;
grant usage on sequence audit.audit_events_n_seq to switchyard_audit;
grant select, insert, update on audit.run_summaries, audit.positions to switchyard_audit;
grant execute on all functions in schema audit to switchyard_audit;
