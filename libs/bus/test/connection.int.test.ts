import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, startNats } from '@switchyard/local-servers';
import { createMetrics } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { type BusStatus, connectBus, createService } from '../src/index.ts';
import { createMemoryBus } from '../src/memory/bus.ts';
import { echo, journalOf, newRunId, pause, runOf, slow } from './fixtures.ts';
import { log, type NatsWorld, natsWorld } from './harness.ts';

describe('the connection to NATS', () => {
  let world: NatsWorld;

  beforeAll(async () => {
    world = await natsWorld();
  });
  afterAll(() => world?.stop());

  it('is waited for while the server is still down', async () => {
    const port = await freePort();
    const connecting = connectBus({ trust: 'open', url: `nats://127.0.0.1:${port}`, app: 'early', log });
    await pause(1_500);
    const server = await startNats({
      dir: `${world.dir}/late`,
      durable: false,
      port,
      withoutPermissions: 'the login of the test is no service',
    });
    const bus = await connecting;
    expect(bus.status()).toMatchObject({ connected: true, url: `nats://127.0.0.1:${port}` });
    await bus.close();
    await server.stop();
  });

  it('is waited for no longer than somebody wants it, whether nobody listens or nobody answers', async () => {
    const taken: Socket[] = [];
    const silent = createServer((socket) => taken.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const ports = [await freePort(), (silent.address() as AddressInfo).port];
    for (const port of ports) {
      const left = new AbortController();
      const connecting = connectBus({
        trust: 'open',
        url: `nats://127.0.0.1:${port}`,
        app: 'early',
        log,
        signal: left.signal,
      });
      const ended = connecting.then(
        () => 'connected',
        (error: unknown) => error,
      );
      await pause(300);
      left.abort(new Error('not wanted any more'));
      expect(await ended).toMatchObject({ message: 'not wanted any more' });
    }
    for (const socket of taken) socket.destroy();
    silent.close();
  }, 20_000);

  it('is waited for no longer by a service that is stopped, which is not wired then', async () => {
    const config = {
      natsUrl: `nats://127.0.0.1:${await freePort()}`,
      busTrust: 'open' as const,
      opsPort: 0,
      logLevel: 'silent',
      telemetry: { serviceName: 'early' },
      drainTimeoutMs: 5_000,
    };
    let wired = false;
    const service = createService('audit', config, { log, handleSignals: false }, async () => void (wired = true));
    const started = service.start();
    await until(() => service.opsPort > 0, 5_000);
    const ready = await fetch(`http://127.0.0.1:${service.opsPort}/readiness`);
    expect([ready.status, await ready.text()]).toEqual([
      503,
      expect.stringContaining('The message bus does not answer.'),
    ]);
    await service.stop();
    await started;
    expect(wired).toBe(false);
  }, 10_000);

  it('lets a service say that it is ready only when its handlers are there', async () => {
    const config = {
      natsUrl: 'nats://127.0.0.1:1',
      busTrust: 'open' as const,
      opsPort: 0,
      logLevel: 'silent',
      telemetry: { serviceName: 'early' },
      drainTimeoutMs: 5_000,
    };
    let wired: () => void = () => undefined;
    const bus = createMemoryBus({ log }).connect('audit');
    const wiring = () => new Promise<void>((resolve) => (wired = resolve));
    const service = createService('audit', config, { log, bus, handleSignals: false }, wiring);
    const started = service.start();
    const ready = () => fetch(`http://127.0.0.1:${service.opsPort}/readiness`);
    await until(() => service.opsPort > 0, 5_000);
    expect([(await ready()).status, await (await ready()).text()]).toEqual([
      503,
      expect.stringContaining('still starting'),
    ]);
    wired();
    await started;
    expect((await ready()).status).toBe(200);
    await service.stop();
  }, 10_000);

  it('comes back though the server refused the login for a while', async () => {
    const port = await freePort();
    const dir = `${world.dir}/logins`;
    const withPassword = (password: string) =>
      startNats({
        dir,
        durable: false,
        port,
        config: `authorization { user: a, password: ${password} }`,
        withoutPermissions: 'the password of the test changes',
      });
    let server = await withPassword('right');
    const bus = await connectBus({ trust: 'open', url: `nats://a:right@127.0.0.1:${port}`, app: 'gateway', log });
    expect(JSON.stringify(bus.status())).not.toContain('right');
    await server.stop();
    server = await withPassword('other');
    await pause(4_000); // several refused logins
    expect(bus.status().connected).toBe(false);
    await server.stop();
    server = await withPassword('right');
    await until(() => bus.status().connected, 8_000);
    await bus.close();
    await server.stop();
  });

  it('notices within seven seconds a link that is open and swallows everything, and heals', async () => {
    const { bus, proxy } = await world.connectProxied('gateway');
    const seen: BusStatus[] = [];
    bus.onStatus((status) => seen.push(status));
    proxy.freeze();
    const start = Date.now();
    await until(() => !bus.status().connected, 8_000);
    expect(Date.now() - start).toBeLessThan(15_000);
    proxy.heal();
    await until(() => bus.status().connected, 10_000);
    expect(seen.map(({ connected }) => connected)).toEqual([false, true]);
    expect(bus.status().reconnects).toBe(1);
  });

  it('answers and follows go on after the link broke', async () => {
    const { bus: worker, proxy } = await world.connectProxied('mcp-tool');
    const asker = await world.connect('gateway');
    await worker.answer(echo, async ({ text }) => ({ text }));
    proxy.drop();
    await until(() => worker.status().reconnects === 1, 8_000);
    await until(async () => (await asker.request(echo, { text: 'a' }).catch(() => undefined))?.text === 'a', 5_000);
  });

  it('begins to answer although the link breaks just then', async () => {
    const { bus: worker, proxy } = await world.connectProxied('mcp-tool');
    const asker = await world.connect('gateway');
    proxy.freeze();
    const begun = worker.answer(echo, async ({ text }) => ({ text: `late ${text}` }));
    proxy.drop();
    proxy.heal();
    await until(() => worker.status().reconnects === 1, 8_000);
    const answering = await begun;
    await until(
      async () => (await asker.request(echo, { text: 'a' }).catch(() => undefined))?.text === 'late a',
      5_000,
    );
    await answering.stop();
  });

  it('says at once that it is not there, to whoever asks or publishes meanwhile', async () => {
    const { bus, proxy } = await world.connectProxied('gateway');
    proxy.cut();
    await until(() => !bus.status().connected);
    const start = Date.now();
    await expect(bus.request(echo, { text: 'a' })).rejects.toMatchObject({ code: 'unavailable' });
    await expect(bus.publishEvents(runOf(newRunId(), 2))).rejects.toMatchObject({ code: 'unavailable' });
    expect(Date.now() - start).toBeLessThan(20_000);
    const abort = AbortSignal.timeout(100);
    await expect(bus.request(echo, { text: 'a' }, { signal: abort })).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('is closed in seconds though the server is away', async () => {
    const { bus, proxy } = await world.connectProxied('gateway');
    bus.consume({ stream: 'RUNS', durable: 'audit', handle: async () => undefined });
    await pause(300);
    proxy.cut();
    await until(() => !bus.status().connected);
    const start = Date.now();
    await bus.close();
    expect(Date.now() - start).toBeLessThan(20_000);
  });

  it('measures its round trip', async () => {
    const bus = await world.connect('gateway');
    await until(() => bus.status().rttMs !== undefined);
    expect(bus.status().rttMs).toBeLessThan(10_000);
    expect(bus.status().serverVersion).toMatch(/^2\./);
  });

  it('counts what it does', async () => {
    const metrics = createMetrics('gateway');
    const bus = await connectBus({ trust: 'open', url: world.url, app: 'gateway', log, metrics });
    await expect(bus.request(slow, {})).rejects.toMatchObject({ code: 'no_responders' });
    expect(await metrics.text()).toMatch(
      /bus_requests_total\{side="asked",subject="rpc.test.slow",outcome="no_responders",app="gateway"\} 1/,
    );
    await bus.close();
  });

  it('comes back after a restart of the server: requests, streams and followers', async () => {
    const [asker, answerer] = [await world.connect('orchestrator'), await world.connect('mcp-tool')];
    const answering = await answerer.answer(echo, async ({ text }) => ({ text }));
    const runId = newRunId();
    const events = runOf(runId, 4);
    const journal = journalOf(events.slice(0, 2));
    const signal = new AbortController().signal;
    const following = asker.follow({ tenantId: 'acme', runId, after: 0, fetch: journal.read, signal });
    const seen: number[] = [];
    const reading = (async () => {
      for await (const batch of following) seen.push(...batch.map(({ seq }) => seq));
    })();
    await until(() => seen.length === 2);
    await world.restart(async () => void (journal.events = events));
    await until(() => asker.status().connected && answerer.status().connected, 10_000);
    await until(async () => (await asker.request(echo, { text: 'a' }).catch(() => undefined))?.text === 'a', 5_000);
    await asker.publishEvents(events);
    await reading;
    expect(seen).toEqual([1, 2, 3, 4]);
    await answering.stop();
  });

  it('loses a lease in time where the link is frozen, and the next one has it by then', async () => {
    const { bus: frozen, proxy } = await world.connectProxied('xmpp-bridge');
    const other = await world.connect('xmpp-bridge');
    const events: string[] = [];
    const tell = (who: string) => (token: number | undefined) =>
      void events.push(`${who} ${token ? 'has' : 'lost'} it`);
    const first = frozen.lease({ name: 'frozen', holder: 'a', ttlMs: 5_000, onChange: tell('a') });
    await until(() => first.token !== undefined, 20_000);
    const token = first.token!;
    const second = other.lease({ name: 'frozen', holder: 'b', ttlMs: 5_000, onChange: tell('b') });
    await until(() => second.settled, 20_000);
    proxy.freeze();
    await until(() => second.token !== undefined, 20_000);
    expect(events).toEqual(['a has it', 'a lost it', 'b has it']);
    expect(second.token).toBeGreaterThan(token);
  });
});
