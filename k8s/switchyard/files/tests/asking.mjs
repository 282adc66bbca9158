/* What both tests share: who asks, and what is tried where nobody may ask. */
const { GATEWAY_URL, IDENTITY_MODE, TOKEN } = process.env;
export const TASK = 'What is the weather in London, and what is 17% of 2340?';
export const mayAsk = IDENTITY_MODE === 'dev' || TOKEN !== undefined;

/** @param {string} path @param {RequestInit} [options] */
export function ask(path, options = {}) {
  const who = TOKEN === undefined ? { 'x-user-id': 'helm-test' } : { authorization: `Bearer ${TOKEN}` };
  const headers = { 'content-type': 'application/json', ...(mayAsk ? who : {}), ...options.headers };
  return fetch(new URL(path, GATEWAY_URL), { signal: AbortSignal.timeout(240_000), ...options, headers });
}

export const post = (path, body) => ask(path, { method: 'POST', body: JSON.stringify(body) });

export function hold(what, holds) {
  console.log(`${holds ? 'holds' : 'DOES NOT HOLD'}: ${what}`);
  if (!holds) process.exit(1);
}

/** Without a token only this can be tried. */
export async function refusals() {
  console.log('No token was given (tests.tokenSecret): only health and refusal are tried.');
  hold('the gateway is ready', (await ask('/readiness')).ok);
  hold('a caller without credentials is refused', (await post('/orchestrate', { task: TASK })).status === 401);
}
