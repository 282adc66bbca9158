-- One login for each service that owns tables, with nothing but the rights of its role, which the migrations made. Runs
-- at every start (the `database-logins` container), so that a new password counts. Passwords come by the environment.
\set ON_ERROR_STOP on
set client_min_messages = warning;
\getenv orchestrator_password SWITCHYARD_ORCHESTRATOR_PASSWORD
\getenv mcp_tool_password SWITCHYARD_MCP_TOOL_PASSWORD
\getenv audit_password SWITCHYARD_AUDIT_PASSWORD

select format('create role %I', role || '_login')
from unnest(array['switchyard_orchestrator', 'switchyard_mcp_tool', 'switchyard_audit']) as role
where not exists (select from pg_roles where rolname = role || '_login')
\gexec

alter role switchyard_orchestrator_login with login nosuperuser nocreatedb nocreaterole password :'orchestrator_password';
alter role switchyard_mcp_tool_login with login nosuperuser nocreatedb nocreaterole password :'mcp_tool_password';
alter role switchyard_audit_login with login nosuperuser nocreatedb nocreaterole password :'audit_password';

grant switchyard_orchestrator to switchyard_orchestrator_login;
grant switchyard_mcp_tool to switchyard_mcp_tool_login;
grant switchyard_audit to switchyard_audit_login;

select format('grant connect on database %I to %I', current_database(), role || '_login')
from unnest(array['switchyard_orchestrator', 'switchyard_mcp_tool', 'switchyard_audit']) as role
\gexec
