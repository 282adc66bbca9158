import { type Batch, devHeaders, type HttpCase, tryAll } from '../kit/index.ts';

/*
 * In development the gateway believes the user id that a request names. A web page whose host name resolves to this
 * machine (DNS rebinding) must get no answer, whatever it sends.
 */

const HOSTS = [
  'rebind.evil.example',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  'evil',
  'localhost@evil.example',
];
const HEADERS = devHeaders({ tenant: 'acme', user: 'ada', role: 'admin' });
const name = 'rebinding';

export const rebinding: Batch = {
  name,
  about: 'every guarded route by another host name in the identity mode of development, and from foreign pages',
  run: async (attack) => {
    const port = new URL(attack.stack.gateways.dev).port;
    const guarded = attack.interface.operations.filter((operation) => operation.guarded);
    const byHost = guarded.flatMap(({ method, path, body }, index): HttpCase[] => {
      const host = `${HOSTS[index % HOSTS.length]!}:${port}`;
      return [
        {
          name: `${method} ${path} as ${host}`,
          method,
          path: path.replaceAll(/\{\w+\}/g, 'anything'),
          headers: [['Host', host], ['Origin', `http://${host}`], ...HEADERS],
          ...(body === undefined ? {} : { body: '{}' }),
          wants: [400, 403],
        },
      ];
    });
    const everyHost = HOSTS.map((host): HttpCase => ({
      name: `GET /runs as ${host}`,
      method: 'GET',
      path: '/runs',
      headers: [['Host', `${host}:${port}`], ['Origin', `http://${host}:${port}`], ...HEADERS],
      wants: [400, 403],
    }));
    const foreign = ['POST', 'GET'].map((method): HttpCase => ({
      name: `${method} /runs from a page of another origin, which names nobody`,
      method,
      path: '/runs',
      headers: [
        ['Origin', 'https://evil.example'],
        ['Sec-Fetch-Site', 'cross-site'],
        ...(method === 'POST' ? [['Content-Type', 'text/plain'] as [string, string]] : []),
      ],
      ...(method === 'POST' ? { body: '{"task":"x"}' } : {}),
      wants: [400, 401, 403, 415],
    }));
    await tryAll(attack, name, [...byHost, ...everyHost, ...foreign]);
  },
};
