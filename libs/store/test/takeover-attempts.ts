/** What somebody with a login of PostgreSQL tries beyond tables and functions. Each must be refused for want of a right. */
export const BEYOND: readonly string[] = [
  // Files and programs of the machine
  `copy (select 1) to program 'id'`,
  `copy (select 1) to '/tmp/stolen'`,
  `select pg_read_file('/etc/passwd')`,
  `select pg_read_binary_file('PG_VERSION')`,
  `select pg_ls_dir('.')`,
  `select pg_ls_logdir()`,
  `select pg_stat_file('PG_VERSION')`,
  `select lo_import('/etc/passwd')`,
  `select lo_export(1, '/tmp/stolen')`,
  // What fills the disk, or has others wait
  `select lo_create(0)`,
  `select lo_creat(-1)`,
  `select lo_from_bytea(0, 'x')`,
  `select pg_logical_emit_message(false, 'x', 'x')`,
  `set temp_file_limit = -1`,
  `select pg_advisory_lock(72707369)`,
  `select pg_advisory_xact_lock(1, 2)`,
  `select pg_try_advisory_lock_shared(1)`,
  // Passwords and what the server keeps of others
  `select * from pg_authid`,
  `select * from pg_shadow`,
  `select * from pg_user_mapping`,
  `select * from pg_hba_file_rules`,
  `select * from pg_file_settings`,
  `select * from pg_statistic`,
  // Objects
  `create table public.mine (n int)`,
  `create table audit.mine (n int)`,
  `create temporary table mine (n int)`,
  `create schema mine`,
  `create view public.mine as select 1`,
  `create function public.mine() returns int language sql as 'select 1'`,
  `create function pg_temp.mine() returns int language sql as 'select 1'`,
  `create function mcp_tool.mine() returns int language sql as 'select 1'`,
  `create type public.mine as enum ('a')`,
  `create foreign data wrapper mine`,
  `create publication mine for all tables`,
  `create subscription mine connection 'host=127.0.0.1' publication mine with (connect = false)`,
  `create event trigger mine on ddl_command_start execute function mine()`,
  `drop schema orchestrator cascade`,
  `alter schema audit rename to mine`,
  `alter database switchyard rename to mine`,
  `alter database switchyard set statement_timeout = 0`,
  `alter extension plpgsql set schema public`,
  `alter default privileges for role switchyard grant all on tables to public`,
  `reassign owned by switchyard to current_user`,
  // Roles and settings of the server
  `set role pg_read_all_data`,
  `create role mine superuser`,
  `create role mine login`,
  `grant pg_read_all_data to current_user`,
  `grant pg_execute_server_program to current_user`,
  `set session_replication_role = replica`,
  `set log_statement = 'none'`,
  `set lc_messages = 'C'`,
  `load '/tmp/mine.so'`,
  `select pg_reload_conf()`,
  `select pg_rotate_logfile()`,
  `select pg_switch_wal()`,
  `select pg_create_restore_point('mine')`,
  `select pg_create_physical_replication_slot('mine')`,
  `select pg_stat_reset()`,
  `checkpoint`,
  // The same from a block of code
  `do $$ begin execute 'delete from audit.audit_events'; end $$`,
  `do $$ begin execute 'insert into orchestrator.run_events select * from orchestrator.run_events'; end $$`,
  `do language plpgsql $$ begin perform pg_read_file('/etc/passwd'); end $$`,
];

/** Not in a transaction. */
export const BEYOND_OUTSIDE: readonly string[] = [
  `alter system set shared_preload_libraries = 'mine'`,
  `create database mine`,
  `drop database switchyard`,
  `create tablespace mine location '/tmp'`,
];

/** Extensions; where one is not installed, the server says so. */
export const EXTENSIONS: readonly string[] = ['dblink', 'postgres_fdw', 'file_fdw', 'hstore', 'pgcrypto', 'plpython3u'];
export const NOT_INSTALLED: readonly string[] = ['0A000', '58P01'];
