import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Clinic, PASSWORD } from './clinic.ts';
import { HostileServer } from './hostile-server.ts';
import { type Again, reoffering } from './reoffering-server.ts';

/** Channel binding that is refused, alone and together with TLS that is asked for again after the login. */

let clinic: Clinic;
let server: HostileServer;
beforeAll(async () => {
  clinic = new Clinic();
  server = await HostileServer.start(clinic.authority.issue('xmpp.test'));
});
afterEach(() => {
  for (const socket of server.sockets) socket.destroy();
});
afterAll(async () => {
  await server?.stop();
  clinic?.remove();
});

describe('the doctor, at a server that refuses every channel binding', () => {
  it('warns where the login stands without it, and goes on to the checks that follow', async () => {
    server.script = reoffering(PASSWORD, 'never');
    const told = await clinic.doctor(server.port, {}, { only: 'peers', stepMs: 1_500 });
    expect(told.outcome).toBe('ok');
    expect(told.at(13)).toMatchObject({ status: 'ok', sentence: expect.stringContaining('SCRAM-SHA-512') });
    expect(told.at(14)).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(/"Invalid channel binding" for every type.*SCRAM without it works/),
    });
    for (const number of [15, 16, 17]) expect(told.at(number).status).toBe('ok');
  });

  it('calls it a failure where AZTM_CHANNEL_BINDING=require lets no login stand', async () => {
    server.script = reoffering(PASSWORD, 'never');
    const told = await clinic.doctor(server.port, { AZTM_CHANNEL_BINDING: 'require' });
    expect(told).toMatchObject({ outcome: 'finding' });
    expect(told.at(14).status).toBe('fail');
  });

  const ways: readonly Again[] = ['features', 'new stream', 'stream error'];
  const cases = ways.flatMap((again) =>
    (['starttls', 'handshake'] as const).flatMap((words) =>
      [true, false].map((announces) => [again, words, announces] as const),
    ),
  );
  it.each(cases)(
    'names the one cause where TLS is asked for again after SASL (%s, %s; types announced: %s)',
    async (again, words, announces) => {
      server.script = reoffering(PASSWORD, again, words, announces);
      const told = await clinic.doctor(server.port);
      expect(told.outcome).toBe('finding');
      expect(told.at(14).status).toBe('warn');
      const { status, sentence, evidence } = told.at(15);
      expect(status).toBe('fail');
      expect(sentence).toMatch(/^Something between this machine and the server ends TLS.*password are correct\.$/);
      expect(sentence).not.toContain('AZTM_CHANNEL_BINDING');
      expect(evidence.join('\n')).toContain('TCP connections of this login: 1');
      expect(evidence.join('\n')).toMatch(/tls-exporter: not-authorized/);
    },
  );
});
