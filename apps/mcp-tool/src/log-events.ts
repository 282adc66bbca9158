import { errorEvent, eventLogger, infoEvent, warnEvent } from '@switchyard/platform';

/** What this service logs; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  tool_arguments_not_checked: errorEvent(
    'The arguments of a tool could not be checked because of a bug.',
    'Report the stack in `err` as a bug. The caller has `reference`.',
    'tools.md',
  ),
  tool_failed: warnEvent(
    'A tool failed.',
    'Nothing for a single one. If it repeats for one tool, fix what `err` names. The caller has `reference`.',
    'tools.md',
  ),
  tool_output_invalid: errorEvent(
    'The output of a tool does not match its own schema.',
    'Correct the tool or its output schema (`issues`). The caller has `reference`.',
    'tools.md',
  ),
  tool_returned_late: warnEvent(
    'A tool returned after its call had ended.',
    'If it repeats, raise the timeout of the tool, or let the tool stop when it is told to.',
    'tools.md',
  ),
  authorisations_unknown: warnEvent(
    'Whether authorisations have changed could not be read.',
    'Check PostgreSQL. Lists of tools are made from what is known.',
    'runbooks/outages.md',
  ),
  authorisation_status_unknown: warnEvent(
    'Whether a user has authorised a provider could not be read.',
    'Check PostgreSQL. The tools of the provider are missing in the list meanwhile.',
    'provider-authorisation.md',
  ),
  operator_file_read: infoEvent('The file of {kind} was read again.'),
  operator_file_invalid: errorEvent(
    'The file of {kind} is not valid; the one read before stays in use.',
    'Correct the lines that `wrong` names. The file is read again when it changes.',
    'mcp-upstreams.md',
  ),
  tool_file_read: infoEvent('A file of tools was read.'),
  tool_file_removed: infoEvent('A file of tools is gone; its tools are removed.'),
  tool_file_invalid: errorEvent(
    'A file of tools is not valid: {file}:{line}: {why}',
    'Correct the line. The tools of this file that are not valid are not offered.',
    'tools.md',
  ),
  tool_files_unreadable: errorEvent(
    'The directory of tool files cannot be read.',
    'Check that `directory` exists and that the service may read it.',
    'tools.md',
  ),
  registered_tools_unreadable: warnEvent(
    'The registered tools could not be read.',
    'Check PostgreSQL. What was read before stays in use.',
    'runbooks/outages.md',
  ),
  registered_tool_shadowed: warnEvent(
    'A registered tool is not offered: another tool has its name.',
    'Register the tool under another name, or remove it.',
    'tools.md',
  ),
  registered_tool_invalid: warnEvent(
    'A registered tool is not offered: its definition is not valid any more.',
    'Register the tool again, as `err` says.',
    'tools.md',
  ),
  provider_revocation_failed: warnEvent(
    'A provider did not take a revocation; the authorisation is removed here.',
    'Tell the user to revoke the access at the provider, if the provider stays away.',
    'provider-authorisation.md',
  ),
  upstream_issuer_unknown: warnEvent(
    'The authorisation server of an upstream could not be discovered.',
    'Check the metadata of the upstream: `./switchyard doctor --only mcp`.',
    'mcp-upstreams.md',
  ),
  upstream_issuer_changed: warnEvent(
    'An upstream names another authorisation server; its users must authorise again.',
    'Check that its operator meant the change before anybody authorises it: it may be an attack.',
    'provider-authorisation.md',
  ),
  upstream_issuer_discovered: infoEvent('The authorisation server of an upstream is discovered.'),
  authorisation_not_completed: warnEvent(
    'The authorisation of a provider was not completed.',
    'Nothing for a single one: the user starts it again. If it repeats, check the client at the provider (`reason`).',
    'provider-authorisation.md',
  ),
  credentials_not_resealed: warnEvent(
    'Not all credentials were sealed again under the first key.',
    'Keep the older keys in `VAULT_KEYS` until a restart logs `credentials_resealed`.',
    'provider-authorisation.md',
  ),
  credentials_resealed: infoEvent(
    '{count} credentials were sealed again under the first key.',
    'Older keys can be removed when no other replica seals with them.',
    'provider-authorisation.md',
  ),
  unused_tokens_not_revoked: warnEvent(
    'Tokens that were renewed too late were not revoked at the provider.',
    'Nothing: the tokens were never used and expire.',
    'provider-authorisation.md',
  ),
  token_renewal_refused: warnEvent(
    'A provider refused to renew an authorisation; the user must authorise again.',
    'Nothing for a single one. If all users of a provider are concerned, check the client at the provider.',
    'provider-authorisation.md',
  ),
  credential_unreadable: errorEvent(
    'A sealed credential cannot be opened for its owner.',
    'Check that all replicas have the same keys; a key that was removed too early comes back into the list. Else rows were moved by somebody.',
    'provider-authorisation.md',
  ),
  effect_leases_not_renewed: warnEvent(
    'The leases of running effects were not renewed.',
    'Check PostgreSQL. No call is taken over before the ledger answers again.',
    'runbooks/effect-in-doubt.md',
  ),
  effect_write_failed: warnEvent(
    'The ledger of effects did not take a write.',
    'Check PostgreSQL.',
    'runbooks/effect-in-doubt.md',
  ),
  effect_outcome_not_recorded: errorEvent(
    'The outcome of an effect could not be recorded; the effect becomes in doubt.',
    'Check PostgreSQL, then settle the effect with the outcome that this line has in `status`.',
    'runbooks/effect-in-doubt.md',
  ),
  effect_late_outcome_not_recorded: errorEvent(
    'An outcome that came after the call had ended could not be recorded.',
    'Check PostgreSQL, then settle the effect with the outcome that this line has in `status`.',
    'runbooks/effect-in-doubt.md',
  ),
  effects_expired: infoEvent('Effects older than their retention were removed.'),
  effect_upkeep_failed: warnEvent(
    'Upkeep of the ledger of effects failed; it is repeated.',
    'Check PostgreSQL if it repeats.',
    'runbooks/effect-in-doubt.md',
  ),
  mcp_state_secret_missing: infoEvent(
    'MCP_STATE_SECRET is not set: a question of an upstream can only be answered at the replica that passed it on.',
    'Set `MCP_STATE_SECRET` where more than one replica runs.',
    'mcp-upstreams.md',
  ),
  upstream_answer_unusable: warnEvent(
    'An upstream gave no usable answer.',
    'If it repeats, ask the operator of the upstream.',
    'mcp-upstreams.md',
  ),
  upstream_missing_in_list: infoEvent(
    'An upstream is missing in a list, since it did not answer in time.',
    'Nothing, unless it repeats: then check the upstream.',
    'mcp-upstreams.md',
  ),
  upstream_circuit_opened: warnEvent(
    'An upstream failed several times; it gets no calls for some seconds.',
    'If it repeats, check the upstream: `./switchyard doctor --only mcp`.',
    'mcp-upstreams.md',
  ),
  upstream_circuit_closed: infoEvent('An upstream gets calls again.'),
  upstream_sandbox_incomplete: warnEvent(
    'An upstream runs without its full sandbox.',
    'Read `missing`. Set `sandbox.mode` of the upstream to `required` where it must not run so.',
    'mcp-upstreams.md',
  ),
  upstream_process_ended: warnEvent(
    'The process of an upstream ended by itself; it is started again with the next call.',
    'If it repeats, read its lines `upstream_stderr`.',
    'mcp-upstreams.md',
  ),
  upstream_stderr: infoEvent('An upstream wrote to its standard error.'),
  upstream_stderr_cut: infoEvent('An upstream writes more to its standard error than is logged in a minute.'),
  upstream_tools_left_out: infoEvent(
    'Tools of an upstream are left out: hidden by its policy, with a name that cannot be used, or too many.',
  ),
  upstream_tool_quarantined: warnEvent(
    'A tool of an upstream is in quarantine.',
    'Read its definition and approve or reject it: `./switchyard tools quarantine`.',
    'mcp-upstreams.md',
  ),
  upstream_pins_unreadable: warnEvent(
    'The approved tools of an upstream could not be read.',
    'Check PostgreSQL. The tools are offered when the upstream has answered.',
    'runbooks/outages.md',
  ),
  upstream_tools_refused: warnEvent(
    'Tools of an upstream are not offered.',
    'Read `objections`, and change the policy of the upstream or ask its operator.',
    'mcp-upstreams.md',
  ),
  upstream_unavailable: warnEvent(
    'An upstream could not be asked for its tools.',
    'Check the upstream: `./switchyard doctor --only mcp`. Its tools are not offered meanwhile.',
    'mcp-upstreams.md',
  ),
};

export const logEvent = eventLogger(LOG_EVENTS);
