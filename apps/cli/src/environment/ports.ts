import { freePort, isPortFree } from '@switchyard/local-servers';
import { z } from 'zod';
import { readJson, writeJson } from './workspace.ts';

const PortsFile = z.record(z.string(), z.number().int().min(1).max(65_535));

/** The ports of this clone's processes, kept across starts so that tools find them; another only where one is taken. */
export class Ports {
  readonly #file: string;
  readonly #known: Record<string, number>;

  constructor(file: string) {
    this.#file = file;
    this.#known = readJson(file, PortsFile) ?? {};
  }

  /** The port to use for `name` now: the one of last time if it is free, else a new one. */
  async take(name: string): Promise<number> {
    const last = this.#known[name];
    if (last !== undefined && (await isPortFree(last))) return last;
    for (;;) {
      const port = await freePort();
      if (Object.values(this.#known).includes(port)) continue;
      this.record(name, port);
      return port;
    }
  }

  record(name: string, port: number): void {
    this.#known[name] = port;
    writeJson(this.#file, this.#known);
  }
}
