import { textOption } from './arguments.ts';
import type { Environment } from '../environment/environment.ts';
import { GatewayClient, type Identity } from './gateway-client.ts';
import { painter, type Paint } from '../terminal/paint.ts';
import type { Workspace } from '../environment/workspace.ts';
import { runningSupervisor } from '../environment/process-files.ts';
import type { StackListener } from '../stack/index.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';

/** The context of every verb. */
export interface VerbContext {
  readonly workspace: Workspace;
  readonly environment: Environment;
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  /** Answers go here. */
  readonly print: (line: string) => void;
  /** Progress and remarks go here, so that an answer can be piped. */
  readonly remark: (line: string) => void;
  readonly paint: Paint;
}

/** A verb: does its work and answers the exit code. */
export type Verb = (context: VerbContext) => Promise<number>;

export function contextOf(workspace: Workspace, parsed: Pick<VerbContext, 'values' | 'positionals'>): VerbContext {
  return {
    workspace,
    environment: process.env,
    ...parsed,
    print: (line) => process.stdout.write(`${line}\n`),
    remark: (line) => process.stderr.write(`${line}\n`),
    paint: painter(process.stdout.isTTY, process.env),
  };
}

/** The gateway of the running stack, asked as the person of this call. */
export function gatewayOf(context: VerbContext, url = runningSupervisor(context.workspace)?.gatewayUrl): GatewayClient {
  if (!url)
    throw new UserError('Nothing is running in this clone. Start it: ./switchyard up --detach', EXIT.unavailable);
  return new GatewayClient(url, identityOf(context));
}

/** The person of this call. */
export function identityOf({ values, environment }: Pick<VerbContext, 'values' | 'environment'>): Identity {
  const user = textOption(values, 'user') ?? environment['TB_DEFAULT_USER_ID'] ?? 'dev';
  return { user, role: textOption(values, 'role') };
}

/** Shows a starting stack the way the set-up shows its stages. */
export function progressListener({ remark }: Pick<VerbContext, 'remark'>): StackListener {
  return {
    onProgress: (name, text, ms) => {
      const time = ms === undefined ? '' : `${(ms / 1000).toFixed(1)} s`.padStart(8);
      remark(`  ${name.padEnd(12)} ${text.padEnd(45)} ${time}`.trimEnd());
    },
    onStep: remark,
    onNotice: (line) => remark(`  ! ${line}`),
  };
}

/** The environment with what options of this call say instead. */
export function stackEnvironment({ environment, values }: Pick<VerbContext, 'environment' | 'values'>): Environment {
  const replicas = textOption(values, 'replicas');
  return {
    ...environment,
    ...(replicas ? { SWITCHYARD_REPLICAS: replicas } : {}),
    ...(values['tls'] === true ? { SWITCHYARD_TLS: 'true' } : {}),
  };
}
