// The two systems that a scenario may play in: all of it in this process, or processes of their own that can be killed.
import { startStack, startSystem } from '../../apps/e2e/dist/index.js';

const ENV = { DISALLOWED_KEYWORDS: 'forbiddenword', OPENAI_STALL_MS: '20000' };
const LEASE_MS = 3_000;

export async function inOneProcess(options) {
  const system = await startSystem({ ...options, env: { ...ENV, ...options.env } });
  const { gateway, model } = system;
  return {
    gateway,
    setScript: (script) => model.setScript(script),
    stopOrchestrator: (index) => system.stopOrchestrator(index),
    stop: () => system.stop(),
  };
}

/** The stack of a chaos round (apps/e2e/src/chaos): what is killed is started again, and dies at the same points. */
export async function inProcesses() {
  const stack = await startStack({ mutant: '', leaseMs: LEASE_MS });
  const replicas = (app) => [...stack.services.values()].filter((service) => service.app === app);
  return {
    gateway: stack.gateways[0],
    setScript: async (script) => {
      const answer = await fetch(`${stack.modelUrl}/script`, { method: 'PUT', body: JSON.stringify(script) });
      if (!answer.ok) throw new Error(await answer.text());
    },
    kill: (app) => replicas(app).forEach((service) => service.signal('SIGKILL')),
    dieAt: (app, point) =>
      replicas(app).forEach((service) => service.order({ do: 'arm', point, nth: 1, action: 'kill' })),
    stop: () => stack.stop(),
  };
}
