import { userInfo } from 'node:os';
import type { OutputOf, RequestContract, RequestOf } from '@switchyard/contracts';
import { passwordsOf, privateServer } from '../environment/logins.ts';
import { readStatus } from '../environment/process-files.ts';
import type { Workspace } from '../environment/workspace.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { textOption } from './arguments.ts';
import type { VerbContext } from './verb.ts';

/** The address of this clone's nats-server. */
export function natsUrl(workspace: Workspace): string {
  const url = readStatus(workspace).processes.find(({ name }) => name === 'nats')?.url;
  if (url) return url;
  const remedy = 'Start it: ./switchyard up --detach. A server of your own has logins of its own.';
  throw new UserError(`No private NATS runs in this clone. ${remedy}`, EXIT.unavailable);
}

/** The name of a person as a token: the one that was given, else the account's. */
export function personOf(given: string | undefined, account: string): string {
  const name = given ?? account.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, 48);
  if (/^[A-Za-z0-9_-]{1,48}$/.test(name)) return name;
  throw new UserError('--as takes 1 to 48 letters, digits, "-" and "_".', EXIT.usage);
}

/** One question on the bus, signed by a person; the audit log has it. */
export async function askAsOperator<C extends RequestContract>(
  { workspace, values }: Pick<VerbContext, 'workspace' | 'values'>,
  contract: C,
  input: Omit<RequestOf<C>, 'principal'>,
): Promise<OutputOf<C>> {
  const [{ OPERATOR_USER_PREFIX }, { connectBus }, { createLogger }, servers] = await Promise.all([
    import('@switchyard/contracts'),
    import('@switchyard/bus'),
    import('@switchyard/platform'),
    import('@switchyard/local-servers'),
  ]);
  const person = personOf(textOption(values, 'as'), userInfo().username);
  const principal = {
    tenantId: textOption(values, 'tenant') ?? 'default',
    userId: `${OPERATOR_USER_PREFIX}${person}`,
    role: textOption(values, 'role') ?? 'auditor',
    via: 'operator',
  };
  const url = natsUrl(workspace);
  const keys = await servers.loadBusKeys(passwordsOf(workspace));
  const access = servers.busAccess('operator', privateServer(workspace, 'nats', url), keys, person);
  const bus = await connectBus({ ...access, log: createLogger({ app: 'operator', level: 'silent' }) });
  try {
    return await bus.request(contract, { principal, ...input } as never);
  } catch (error) {
    const { code, message, details = [] } = error as { code?: string; message: string; details?: string[] };
    const lines = [`${code ?? 'failed'}: ${message}`, ...details.map((line) => `  ${line}`)];
    throw new UserError(lines.join('\n'), EXIT.failed);
  } finally {
    await bus.close();
  }
}
