export {
  accepted,
  acts,
  answer,
  at,
  completed,
  dispatching,
  failed,
  journal,
  planningStarted,
  RUN,
  started,
} from './journal.ts';
export { type A2aPython, a2aPython, type PythonLine } from './a2a-python.ts';
export { type A2aPythonAgent, a2aPythonAgent } from './a2a-python-agent.ts';
export { denoProgram } from './deno-suite.ts';
export { installedSuite } from './installed-suite.ts';
export { type McpSuite, mcpSuite } from './mcp-suite.ts';
export { standstill } from './standstill.ts';
export { drawnTransitions, type Transition, transitionLines } from './state-diagram.ts';
export { until } from './until.ts';
export { type Proxy, startProxy } from './proxy.ts';
export { signedAs } from './signed-request.ts';
export { FAKE_CLIENT } from './fake-oauth.ts';
export { type FakeGoogle, googleRefusal, startFakeGoogle } from './fake-google.ts';
export { type FakeSlack, startFakeSlack } from './fake-slack.ts';
