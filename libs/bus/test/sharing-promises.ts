import { describe, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';
import type { WakeUp } from '../src/index.ts';
import { newRunId, pause } from './fixtures.ts';
import type { Parties } from './parties.ts';

/** What the replicas of one app divide among them, and what they know together. */
export function describeSharing(parties: Parties): void {
  describe('replicas', () => {
    it('wake-ups reach one of the takers, come again where it is busy, and are heard by all', async () => {
      const [one, two] = [await parties.world.connect('orchestrator'), await parties.world.connect('orchestrator')];
      const runIds = [newRunId(), newRunId()];
      const tries: string[] = [];
      const heard: string[] = [];
      const subscription = await two.subscribeWakeUps(({ runId }) => void heard.push(runId));
      const taker = async ({ tenantId, runId }: WakeUp) => {
        if (!runIds.includes(runId)) return 'done' as const;
        tries.push(`${tenantId} ${runId}`);
        return tries.length < 2 ? ('busy' as const) : ('done' as const);
      };
      const taking = [one.onWakeUp(taker), two.onWakeUp(taker)];
      await parties.asker.wakeUp('acme', runIds[0]!);
      await parties.asker.wakeUp('acme', runIds[1]!);
      await until(() => tries.length === 3, 8_000);
      expect(new Set(tries)).toEqual(new Set(runIds.map((runId) => `acme ${runId}`)));
      await until(() => runIds.every((runId) => heard.includes(runId)));
      await pause(1_300);
      expect(tries.length).toBe(3);
      expect(heard.filter((runId) => runIds.includes(runId))).toHaveLength(2);
      await Promise.all([...taking, subscription].map((one) => one.stop()));
    });

    it('wake-ups are not handled beyond the bound at once', async () => {
      const owner = await parties.world.connect('orchestrator');
      let now = 0;
      let most = 0;
      let all = 0;
      const taking = owner.onWakeUp(
        async () => {
          now += 1;
          most = Math.max(most, now);
          await pause(20);
          now -= 1;
          all += 1;
          return 'done';
        },
        { maxInFlight: 3 },
      );
      await Promise.all(Array.from({ length: 20 }, () => owner.wakeUp('acme', newRunId())));
      await until(() => all >= 20, 10_000);
      expect(most).toBeLessThanOrEqual(3);
      await taking.stop();
    });

    it('stopping to take wake-ups waits for what is under way', async () => {
      const owner = await parties.world.connect('orchestrator');
      let begun = false;
      let ended = false;
      const taking = owner.onWakeUp(async () => {
        begun = true;
        await pause(300);
        ended = true;
        return 'done';
      });
      await owner.wakeUp('acme', newRunId());
      await until(() => begun);
      await taking.stop();
      expect(ended).toBe(true);
    });

    it('gives a lease to one instance of an app, and to the next when the first one gives it back', async () => {
      const terms: string[] = [];
      const name = `lease-${newRunId()}`;
      const take = async (holder: string) => {
        const bus = await parties.world.connect('xmpp-bridge');
        const onChange = (token: number | undefined): void => void terms.push(`${holder} ${token ? 'has' : 'lost'} it`);
        return bus.lease({ name, holder, ttlMs: 6_000, onChange });
      };
      const first = await take('a');
      await until(() => first.token !== undefined, 10_000);
      const second = await take('b');
      await until(() => second.settled, 10_000);
      expect(second.token).toBeUndefined();
      const token = first.token!;
      await first.close();
      expect(first.token).toBeUndefined();
      await until(() => second.token !== undefined, 10_000);
      expect(second.token).toBeGreaterThan(token);
      expect(terms).toEqual(['a has it', 'a lost it', 'b has it']);
    });

    it('lets the others have a lease before one that stood back', async () => {
      const name = `lease-${newRunId()}`;
      const [a, b] = [await parties.world.connect('xmpp-bridge'), await parties.world.connect('xmpp-bridge')];
      const first = a.lease({ name, holder: 'a', ttlMs: 6_000, onChange: () => undefined });
      await until(() => first.token !== undefined, 10_000);
      const second = b.lease({ name, holder: 'b', ttlMs: 6_000, onChange: () => undefined });
      await until(() => second.settled, 10_000);
      first.standBack();
      expect(first.token).toBeUndefined();
      await until(() => second.token !== undefined, 20_000);
      expect(first.token).toBeUndefined();
    });

    it('keeps records that every instance of an app sees, written over known revisions only, until they end', async () => {
      const [one, two, third] = await Promise.all([
        ...['xmpp-bridge', 'xmpp-bridge'].map((app) => parties.world.connect(app)),
        parties.world.connect('a2a'),
      ]);
      const options = { bucket: 'requests', ttlMs: 60_000, maxBytes: 65_536 };
      const [a, b, other] = [one!.records(options), two!.records(options), third!.records(options)];
      expect(await a.read('k')).toBeUndefined();
      const first = await a.write('k', { n: 1 }, 0);
      expect(await b.read('k')).toEqual({ value: { n: 1 }, revision: first });
      expect(await other.read('k')).toBeUndefined();
      // Of many who write over the same revision, one does.
      const wrote = await Promise.all([a, b, a, b].map((each, n) => each.write('k', { n }, first!)));
      expect(wrote.filter((revision) => revision !== undefined)).toHaveLength(1);
      expect(await a.write('k', {}, 0)).toBeUndefined();
      await a.remove('k', first!);
      const { revision } = (await b.read('k'))!;
      await a.remove('k', revision);
      expect(await b.read('k')).toBeUndefined();
      expect(await b.write('k', 'again', 0)).toEqual(expect.any(Number));
      await expect(a.write('k.x', 1, 0)).rejects.toMatchObject({ code: 'invalid_input' });
      const full = Promise.all(Array.from({ length: 8 }, (_, n) => a.write(`big${n}`, 'x'.repeat(10_000), 0)));
      await expect(full).rejects.toMatchObject({ code: 'overloaded' });
      const brief = one!.records({ bucket: 'brief', ttlMs: 1_000, maxBytes: 65_536 });
      await brief.write('k', 1, 0);
      await until(async () => (await brief.read('k')) === undefined, 10_000);
    });
  });
}
