import type { SpeakerPermissions } from './permissions.ts';

/* Permissions as nats-server's configuration has them. */

/** The value of `permissions` of a user. */
export function natsPermissions({ publish, publishDeny, subscribe }: SpeakerPermissions): string {
  return `{\n${list('publish', publish, publishDeny)}\n${list('subscribe', subscribe, [])}\n}`;
}

/** The variable that stands for a login's password in the generated configuration, without its `$`. */
export function natsPasswordVariable(login: string): string {
  return `NATS_${constantOf(login)}_PASSWORD`;
}

/** `mcp-tool` -> `MCP_TOOL` */
export function constantOf(login: string): string {
  return login.toUpperCase().replaceAll('-', '_');
}

function list(verb: 'publish' | 'subscribe', allow: readonly string[], deny: readonly string[]): string {
  const block = (name: string, subjects: readonly string[]) =>
    subjects.length === 0
      ? []
      : [`    ${name}: [`, ...subjects.map((subject) => `      ${JSON.stringify(subject)}`), '    ]'];
  return [`  ${verb}: {`, ...block('allow', allow), ...block('deny', deny), '  }'].join('\n');
}
