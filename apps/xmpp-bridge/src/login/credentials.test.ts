import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLogger } from '@switchyard/platform';
import { Credentials } from './credentials.ts';

describe('the files of a login', () => {
  let dir: string;
  let passwordFile: string;
  let caFile: string;
  let files: Credentials;
  let lines: { event: string; file: string }[];
  const onChange = jest.fn();

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'credentials-'));
    [passwordFile, caFile] = [join(dir, 'password'), join(dir, 'ca.pem')];
    writeFileSync(passwordFile, 'first\n');
    writeFileSync(caFile, rootCertificates[0]!);
    lines = [];
    const destination = { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) };
    const log = createLogger({ app: 'test', level: 'info', destination });
    files = new Credentials({ passwordFile, caFile, password: 'first' }, onChange, log);
  });
  afterEach(() => {
    files.stop();
    rmSync(dir, { recursive: true });
    jest.clearAllMocks();
  });

  it('count anew when they change', async () => {
    await files.look();
    expect(onChange).not.toHaveBeenCalled();
    writeFileSync(passwordFile, 'second\n');
    writeFileSync(caFile, rootCertificates[1]!);
    await files.look();
    expect(onChange).toHaveBeenCalledTimes(1);
    expect(files.password).toBe('second');
    expect(files.ca).toContain(rootCertificates[1]);
  });

  it('leave what counted in place while they cannot be used, which is said once of each', async () => {
    rmSync(passwordFile);
    writeFileSync(caFile, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    for (let looks = 0; looks < 3; looks += 1) await files.look();
    expect(onChange).not.toHaveBeenCalled();
    expect(files.password).toBe('first');
    expect(files.ca).toContain(rootCertificates[0]);
    expect(lines.map(({ event, file }) => [event, file])).toEqual([
      ['xmpp_file_unreadable', passwordFile],
      ['xmpp_file_unreadable', caFile],
    ]);

    writeFileSync(passwordFile, 'first\n');
    await files.look();
    rmSync(passwordFile);
    await files.look();
    expect(lines).toHaveLength(3);
  });
});
