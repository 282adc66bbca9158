// Asks the process in this container whether it can do its work; an image's HEALTHCHECK.
const { APP, GATEWAY_PORT, DEV_MODEL_PORT, MOCK_A2A_PORT, OPS_PORT } = process.env;
const PORTS = {
  gateway: GATEWAY_PORT ?? '8000',
  'dev-model': DEV_MODEL_PORT ?? '8002',
  'mock-a2a': MOCK_A2A_PORT ?? '8001',
};
const path = APP === 'dev-model' || APP === 'mock-a2a' ? '/health' : '/readiness';
const url = `http://127.0.0.1:${PORTS[APP] ?? OPS_PORT ?? '9090'}${path}`;
const answer = await fetch(url, { signal: AbortSignal.timeout(4_000) }).catch(() => undefined);
process.exit(answer?.ok ? 0 : 1);
