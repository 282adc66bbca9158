import { errorEvent, eventLogger, infoEvent, warnEvent } from '@switchyard/platform';

/** What this service logs; services log SHARED_LOG_EVENTS as well. */
export const LOG_EVENTS = {
  credentials_not_reloaded: errorEvent(
    'SIGHUP: the credentials of the XMPP account were not read again.',
    'Check the files that `err` names. The login goes on with the ones read before.',
    'runbooks/xmpp-login.md',
  ),
  xmpp_login_disabled: infoEvent(
    '{sentence}',
    'Nothing, unless this installation has peers.',
    'runbooks/xmpp-login.md',
  ),
  xmpp_require_tls_ignored: infoEvent(
    'AZTM_REQUIRE_TLS=false has no effect: a login never falls back to clear text.',
    'Remove the setting.',
    'runbooks/xmpp-login.md',
  ),
  xmpp_certificate_not_checked: warnEvent(
    'AZTM_VALIDATE_CERT=false: anyone on the network path can pose as the XMPP server and read what is sent.',
    'Remove the setting; name the CA of the server with `AZTM_CA_FILE` instead.',
    'runbooks/xmpp-login.md',
  ),
  xmpp_login_retried: infoEvent('The AZTM login is tried again at once.'),
  xmpp_login_connecting: infoEvent('Step 1/2: connecting to the AZTM transport as {jid} ({how}; {limit}) …'),
  xmpp_login_ready: infoEvent('Step 2/2: {sentence} Requests travel over it from now on.'),
  xmpp_login_step_failed: errorEvent(
    'Step 1/2 failed: {why}',
    'Do what the sentence says; `./switchyard doctor --only xmpp` looks closer.',
    'runbooks/xmpp-login.md',
  ),
  xmpp_login_failed: errorEvent(
    '{sentence}',
    'Do what the sentence says; `code` is in the runbook.',
    'runbooks/xmpp-login.md',
  ),
  xmpp_login_lost: warnEvent(
    'The XMPP session ended; the bridge logs in again.',
    'Nothing for a single one. If it repeats, read `why` and ask the operator of the XMPP server.',
    'runbooks/xmpp-login.md',
  ),
  xmpp_login_closed: infoEvent('The XMPP session was closed by this replica.'),
  xmpp_login_online: infoEvent('The AZTM login is online.'),
  xmpp_channel_binding_refused: warnEvent(
    '{sentence}',
    'Find out with `./switchyard doctor --only xmpp` whether something between the bridge and the server ends TLS.',
    'runbooks/xmpp-login.md',
  ),
  xmpp_stanza_failed: errorEvent('A stanza was not handled because of a bug.', 'Report the stack in `err` as a bug.'),
  xmpp_stanza_skipped: warnEvent(
    'A stanza was skipped: it is too large or nested too deep.',
    'If it repeats from one peer (`from`), ask its operator or refuse the peer in the policy.',
    'federation.md',
  ),
  xmpp_answer_unexpected: warnEvent(
    'An answer came from a sender who was not asked.',
    'If it repeats, refuse the sender (`from`) in the policy of peers: it may be an attack.',
    'federation.md',
  ),
  xmpp_answer_not_delivered: warnEvent(
    'An answer to the account was not passed on to the replica that waits for it.',
    'Check NATS if it repeats. The request times out.',
    'federation.md',
  ),
  xmpp_answers_not_received: errorEvent(
    'Answers that come to the account do not reach this replica.',
    'Check NATS and restart the replica: requests to peers that answer the account time out here.',
    'federation.md',
  ),
  xmpp_message_not_answered: warnEvent(
    'A message of a peer was not answered.',
    'If it repeats, check the XMPP connection and the gateway.',
    'federation.md',
  ),
  xmpp_request_failed: errorEvent(
    'A request over XMPP failed because of a bug.',
    'Report the stack in `err` as a bug. The peer got HTTP 500.',
    'federation.md',
  ),
  xmpp_request_taken_over: warnEvent(
    'A request of a peer took longer than its lease; another replica took it over.',
    'If it repeats, find out what is slow: mostly the gateway or the tool that the peer asks for.',
    'federation.md',
  ),
  xmpp_outcome_not_shared: warnEvent(
    'The outcome of a request is known to this replica alone.',
    'Check JetStream if it repeats. A peer that repeats the request at another replica may get it performed again.',
    'federation.md',
  ),
  xmpp_file_unreadable: warnEvent(
    'A file of the XMPP account cannot be read; its last content stays in use.',
    'Check the file and its permissions.',
    'runbooks/xmpp-login.md',
  ),
  peer_policy_unreadable: errorEvent(
    'The policy of peers cannot be read; the one before stays in use.',
    'Check the file and its permissions.',
    'federation.md',
  ),
  peer_policy_invalid: errorEvent(
    'The policy of peers is not valid; the one before stays in use.',
    'Correct what `why` names. The file is read again when it changes.',
    'federation.md',
  ),
  peer_policy_changed: infoEvent('A new policy of peers is in use.'),
  xmpp_roster_unreadable: warnEvent(
    'The roster could not be read; nobody is a contact.',
    'If it repeats, ask the operator of the XMPP server. Presence of peers is not known meanwhile.',
    'federation.md',
  ),
  leader_elected: infoEvent('This replica is the leader: it takes the requests of peers.'),
  leader_stepped_down: infoEvent(
    'This replica is not the leader any more; another replica may take the requests of peers.',
  ),
  leader_change_failed: errorEvent(
    'A change of the leader failed because of a bug.',
    'Report the stack in `err` as a bug. Restart the replica if no replica is online (`xmpp_online`).',
    'runbooks/xmpp-login.md',
  ),
};

export const logEvent = eventLogger(LOG_EVENTS);
