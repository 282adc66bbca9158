// @ts-check

/* Options that several verbs have. */

/** Who asks. @type {import('../verbs.mjs').OptionRows} */
export const WHO = [
  ['--user ID', 'the development identity; default TB_DEFAULT_USER_ID, else "dev"'],
  ['--role ROLE', 'user, admin or auditor'],
];

/** Who logs in to the AZTM transport. @type {import('../verbs.mjs').OptionRows} */
export const LOGIN = [
  ['--aztm-userid JID', 'the account of the AZTM login, user@domain; default AZTM_USERID, else AZTM_JID'],
  ['--aztm-password -', 'its password: - reads standard input; a value is moved away from the command line'],
  ['--aztm-password-file FILE', 'its password, in a file; default AZTM_PASSWORD; at a terminal it is asked for'],
];

/** @type {import('../verbs.mjs').OptionRows} */
export const AZTM = [...LOGIN, ['--no-server-mode', 'peers cannot call us; as AZTM_SERVER_MODE=false']];

/** @type {import('../verbs.mjs').OptionRows} */
export const REPLICAS = [['--replicas APP=N', 'how many of an app to run, where the stack is started']];
