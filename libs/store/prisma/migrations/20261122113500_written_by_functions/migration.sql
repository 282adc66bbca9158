-- What functions decide, functions alone write: a login that is taken over gets past none of the promises that they keep.
--
--  W1. Runs, their events, inputs, large parts and dead letters come in by the functions of the journal alone. Of a run
--      the role may change its lease, its phase, its fault, its watch and how far it is on the bus, and nothing else; the
--      checks of the table hold these to each other.
--  W2. Effects, and what a tool agent decided, come in and change by the functions of the ledger alone: a known outcome
--      never changes, whoever asks.
--  W3. Connections to providers come and go by their functions alone, which raise the epoch of the user. The role may seal
--      a credential anew.
--  W4. A function that acts with the rights of the owner finds nothing that the caller made: temporary tables come last.
--  W5. Nobody but its role may call a function.
--
-- A replica of the version before calls the same functions and writes the same columns.

do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid::regprocedure from pg_proc p
    where p.pronamespace = 'orchestrator'::regnamespace and p.proname in (
        'accept_run', 'claim_run', 'take_run', 'append_events', 'put_input', 'note_stream', 'stop_unwatched')
      or p.pronamespace = 'mcp_tool'::regnamespace and p.proname in (
        'begin_effect', 'dispatch_effect', 'withdraw_effect', 'complete_effect', 'renew_effects', 'doubt_orphans',
        'settle_effect', 'keep_agent_turn', 'raise_provider_epoch', 'save_connection', 'remove_connection',
        'claim_renewal', 'end_renewal', 'want_scopes', 'raise_tool_definitions_version')
  loop
    execute format('alter function %s security definer', v_function);
  end loop;
  for v_function in -- W4
    select p.oid::regprocedure from pg_proc p
    where p.pronamespace::regnamespace::text in ('orchestrator', 'mcp_tool', 'audit') and p.prosecdef
  loop
    execute format('alter function %s set search_path = pg_catalog, pg_temp', v_function);
  end loop;
end $$;

-- W1
revoke insert, update on orchestrator.runs from switchyard_orchestrator;
grant update (lease_owner, lease_until, phase, fault, published_seq, settled, watched_until, watch_ms)
  on orchestrator.runs to switchyard_orchestrator;
revoke insert on orchestrator.run_events, orchestrator.run_inbox, orchestrator.blobs, orchestrator.dead_letters
  from switchyard_orchestrator;
revoke insert, update on orchestrator.stream_positions from switchyard_orchestrator;

-- W2
revoke insert, update on mcp_tool.effects from switchyard_mcp_tool;
revoke insert on mcp_tool.agent_turns from switchyard_mcp_tool;

-- W3
revoke insert, update, delete on mcp_tool.provider_connections from switchyard_mcp_tool;
grant update (sealed, kid) on mcp_tool.provider_connections to switchyard_mcp_tool;
revoke insert, update on mcp_tool.provider_epochs from switchyard_mcp_tool;
revoke update on mcp_tool.tool_definitions_version from switchyard_mcp_tool;

-- W5
revoke all on all functions in schema orchestrator, mcp_tool, audit from public;
grant execute on function mcp_tool.keep_agent_turn(text, text, text, int, text) to switchyard_mcp_tool;
