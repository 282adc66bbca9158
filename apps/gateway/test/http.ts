import { createMemoryBus, type Bus, type MemoryHub } from '@switchyard/bus';
import { createLogger } from '@switchyard/platform';
import { createGateway, type Gateway } from '../src/app.ts';
import { Config, type GatewayConfig } from '../src/config.ts';
import { FakeOrchestrator } from './fake-orchestrator.ts';

/** A gateway over the memory bus, with an orchestrator that plays scenarios. */
export interface TestGateway {
  readonly gateway: Gateway;
  readonly hub: MemoryHub;
  readonly orchestrator: FakeOrchestrator;
  readonly url: string;
  /** Every replica; the first is `url`. */
  readonly urls: readonly string[];
  readonly gateways: readonly Gateway[];
  readonly buses: Bus[];
  stop(): Promise<void>;
}

export function configOf(env: Record<string, string> = {}): GatewayConfig {
  return Config.parse({
    GATEWAY_PORT: '0',
    GATEWAY_HOST: '127.0.0.1',
    LOG_LEVEL: 'silent',
    BUS_TRUST: 'open',
    SERVICE_ABSENCE_MS: '0',
    OPS_ON_GATEWAY_PORT: 'true',
    ...env,
  });
}

export async function startTestGateway(
  env: Record<string, string> = {},
  options: { orchestrator?: boolean; fetch?: typeof fetch; replicas?: number } = {},
): Promise<TestGateway> {
  const hub = createMemoryBus();
  const buses = [hub.connect('gateway'), hub.connect('orchestrator'), hub.connect('audit')];
  const orchestrator = new FakeOrchestrator(buses[1]!);
  if (options.orchestrator !== false) await orchestrator.listen();
  const gateway = createGateway(configOf(env), {
    bus: buses[0]!,
    log: createLogger({ app: 'gateway', level: 'silent' }),
    ...(options.fetch ? { fetch: options.fetch } : {}),
  });
  await gateway.start();
  const gateways = [gateway];
  for (let i = 1; i < (options.replicas ?? 1); i += 1) {
    const bus = hub.connect('gateway');
    buses.push(bus);
    const replica = createGateway(configOf(env), { bus, log: createLogger({ app: 'gateway', level: 'silent' }) });
    await replica.start();
    gateways.push(replica);
  }
  return {
    gateway,
    gateways,
    urls: gateways.map(({ url }) => url),
    hub,
    orchestrator,
    buses,
    url: gateway.url,
    stop: async () => {
      for (const replica of gateways) await replica.stop();
      for (const bus of buses) await bus.close();
    },
  };
}

export interface SseEvent {
  readonly event?: string;
  readonly id?: string;
  readonly data?: unknown;
}

/** Events of a whole stream text; comments and retry hints are left out. */
export function parseSse(text: string): SseEvent[] {
  return text.split('\n\n').flatMap((block) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
    const [event, id, data] = [field('event'), field('id'), field('data') || undefined];
    if (event === undefined && id === undefined && data === undefined) return [];
    return [
      {
        ...(event === undefined ? {} : { event }),
        ...(id === undefined ? {} : { id }),
        ...(data === undefined ? {} : { data: JSON.parse(data) as unknown }),
      },
    ];
  });
}

/** Reads a stream until `enough` says so, then goes away. */
export async function readUntil(response: Response, enough: (text: string) => boolean): Promise<string> {
  const reader = response.body!.getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (value !== undefined) text += new TextDecoder().decode(value, { stream: true });
    if (done) return text;
    if (enough(text)) {
      await reader.cancel();
      return text;
    }
  }
}
