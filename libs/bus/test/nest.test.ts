import { Controller } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { AppError, type InputOf, type OutputOf } from '@switchyard/contracts';
import { type Call, createMemoryBus, Handles, serveOnBus } from '../src/index.ts';
import { echo, slow } from './fixtures.ts';
import { log } from './harness.ts';

@Controller()
class EchoHandler {
  @Handles(echo)
  async echo({ text, times }: InputOf<typeof echo>, call: Call): Promise<OutputOf<typeof echo>> {
    if (text === 'refuse') throw new AppError('forbidden', 'Not you.', { details: ['text: no'] });
    if (text === 'defect') throw new Error('secret of the house');
    call.progress({ subject: call.subject, key: call.idempotencyKey });
    return { text: text.repeat(times) };
  }

  @Handles(slow)
  async slow({ ms }: InputOf<typeof slow>): Promise<OutputOf<typeof slow>> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { how: 'well' };
  }

  // @ts-expect-error the contract answers { text }, not a number
  @Handles(echo)
  async wrongAnswer(_input: InputOf<typeof echo>): Promise<number> {
    return 1;
  }

  // @ts-expect-error the contract's input has no field `other`
  @Handles(echo)
  async wrongInput({ other }: { other: string }): Promise<OutputOf<typeof echo>> {
    return { text: other };
  }
}

// Only the right ones are served: the two above exist for the compiler.
Reflect.deleteProperty(EchoHandler.prototype, 'wrongAnswer');
Reflect.deleteProperty(EchoHandler.prototype, 'wrongInput');

const serving = { handlers: [EchoHandler], parts: [] };

describe('a Nest module on the bus', () => {
  it('answers with what its handlers give, and refuses with what they throw', async () => {
    const hub = createMemoryBus();
    const [bus, asker] = [hub.connect('mcp-tool'), hub.connect('gateway')];
    const service = await serveOnBus(serving, bus, log);
    const frames: unknown[] = [];
    const options = { idempotencyKey: 'k', onProgress: (frame: unknown) => frames.push(frame) };
    expect(await asker.request(echo, { text: 'a', times: 2 }, options)).toEqual({ text: 'aa' });
    expect(frames).toEqual([{ subject: 'rpc.test.echo', key: 'k' }]);
    await expect(asker.request(echo, { text: 'refuse' })).rejects.toMatchObject({
      code: 'forbidden',
      message: 'Not you.',
      details: ['text: no'],
    });
    const defect = await asker.request(echo, { text: 'defect' }).catch((error: AppError) => error);
    expect(defect).toMatchObject({ code: 'internal' });
    expect(String(defect)).not.toContain('secret');
    await service.close();
    await bus.close();
    await asker.close();
  });

  it('closing it waits for what is under way', async () => {
    const hub = createMemoryBus();
    const [bus, asker] = [hub.connect('mcp-tool'), hub.connect('gateway')];
    const service = await serveOnBus(serving, bus, log);
    const asked = asker.request(slow, { ms: 300 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await service.close();
    expect(await asked).toEqual({ how: 'well' });
    await expect(asker.request(slow, { ms: 0 })).rejects.toMatchObject({ code: 'no_responders' });
    await bus.close();
    await asker.close();
  });
});
