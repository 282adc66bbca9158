/*
 * The kinds of agent that perform steps of runs. One entry is all that the rest of the system knows of a kind; from it
 * follow the target of a step and its subject, the app that may answer there and its permissions, the ids of steps, which
 * facts are taken from it, the folder of its logs, and how the planner comes to it. A further kind is a further entry, and
 * the app that answers `rpc.step.<target>`.
 */

interface AgentKind {
  /** The app that answers `rpc.step.<target>`. */
  readonly app: string;
  /** True: the app is one of this deployment, with logins of its own on the servers. */
  readonly login: boolean;
  /** The token in the ids of steps: `step-<token>-001`. */
  readonly token: string;
  /** The purpose of the app, for the documents. */
  readonly summary: string;
  /**
   * First words of the facts that it reports. Its logs are in a folder named after the target; what begins with the first
   * of these words is in that folder itself, what begins with another in a folder of that word below it.
   */
  readonly progress: readonly string[];
  /**
   * What the planner is offered. `tools`: each tool of rpc.tools.list by its name. `agents`: each agent that
   * rpc.agents.list names. `itself`: the agent as one function `delegate_to_<target>`, described by the app, which answers
   * `rpc.agent.<target>`; where nobody answers, it is not offered. `nothing`: it gets whole runs that ask for no planner.
   */
  readonly offer: 'tools' | 'agents' | 'itself' | 'nothing';
  /**
   * True: a repeated step with the same key has no second effect, so one whose fate is unknown is dispatched again. The
   * worker keeps a ledger, or asks whoever it gave the step to.
   */
  readonly ledger: boolean;
  /** True: given a task in words it asks the model of the run (rpc.model.turn), within what the run still allows. */
  readonly usesModelOfRun: boolean;
  /** Longest time of one step where the deployment sets none for this kind; absent: that of every step. */
  readonly stepTimeoutMs?: number;
  /** The most facts that it reports of one step, all its turns together. */
  readonly maxProgress: number;
  /** The sentence for a step without a worker, and what to do. */
  readonly absent: string;
}

export const AGENT_KINDS = {
  mcp: {
    app: 'mcp-tool',
    login: true,
    token: 'mcp',
    summary: 'Perform one step with a tool.',
    progress: ['mcp'],
    offer: 'tools',
    ledger: true,
    usesModelOfRun: true,
    maxProgress: 500,
    absent: 'The tool service (mcp-tool) does not answer: see that it runs.',
  },
  a2a: {
    app: 'a2a',
    login: true,
    token: 'a2a',
    summary: 'Delegate one step to another agent.',
    progress: ['a2a'],
    offer: 'agents',
    ledger: true,
    usesModelOfRun: false,
    maxProgress: 500,
    absent: 'The service for other agents (a2a) does not answer: see that it runs.',
  },
  computer_use: {
    app: 'computer-use',
    login: true,
    token: 'cu',
    summary: 'Perform one step on a computer.',
    progress: ['computer_use', 'worker', 'code_agent', 'grounding'],
    offer: 'itself',
    ledger: true,
    usesModelOfRun: true,
    stepTimeoutMs: 900_000,
    maxProgress: 2_000,
    absent:
      'No computer-use agent is there: start computer-use (`./switchyard doctor` says what it lacks), or plan with the ' +
      'agents that are there (USE_ORCHESTRATOR_AGENT=true).',
  },
} as const satisfies Record<string, AgentKind>;

type Kinds = typeof AGENT_KINDS;
/** The targets of a step, other than a question to the person. */
export type AgentTarget = keyof Kinds;
/** Apps that answer steps. */
export type AgentApp = Kinds[AgentTarget]['app'];
/** Those of them that are deployed with the other services. */
export type DeployedAgentApp = Extract<Kinds[AgentTarget], { login: true }>['app'];

export const AGENT_TARGETS = Object.keys(AGENT_KINDS) as [AgentTarget, ...AgentTarget[]];

/** The entry of a kind, with its fields as wide as those of any other. */
export function agentKind(target: AgentTarget): AgentKind {
  return AGENT_KINDS[target];
}

export const DEPLOYED_AGENT_APPS = AGENT_TARGETS.map((target) => AGENT_KINDS[target])
  .filter((kind): kind is Extract<Kinds[AgentTarget], { login: true }> => kind.login)
  .map(({ app }): DeployedAgentApp => app);

/** The kind that reports facts of this type, and whether under its own name; undefined: no agent does. */
export function reporterOf(type: string): { readonly target: AgentTarget; readonly inner: string | null } | undefined {
  const word = type.slice(0, type.indexOf('.'));
  const target = AGENT_TARGETS.find((candidate) => agentKind(candidate).progress.includes(word));
  return target && { target, inner: agentKind(target).progress[0] === word ? null : word };
}
