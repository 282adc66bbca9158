import {
  AppError,
  type InputOf,
  type computerBackends,
  type computerFrame,
  type describeAgent,
  type OutputOf,
} from '@switchyard/contracts';
import type { Frames } from '@switchyard/store';
import type { ComputerBackend } from '../computer/index.ts';

type Description = OutputOf<NonNullable<(typeof describeAgent)['computer_use']>>;

export interface ScreensParts {
  readonly backend: ComputerBackend;
  readonly frames: Pick<Frames, 'get'>;
  readonly maxTurns: number;
  readonly apps: readonly string[];
}

/** What is told of the screens: which there are, what the agent can do with them, and what they showed. */
export class Screens {
  readonly #parts: ScreensParts;

  constructor(parts: ScreensParts) {
    this.#parts = parts;
  }

  backends(): OutputOf<typeof computerBackends> {
    const { backend, maxTurns } = this.#parts;
    const { free, total } = backend.capacity();
    return { backends: [{ name: backend.name, session: 'sealed', free, total }], limits: { max_turns: maxTurns } };
  }

  describe(): Description {
    const { apps } = this.#parts;
    const there = apps.length === 0 ? 'No application is installed on it.' : `Its applications: ${apps.join(', ')}.`;
    const description =
      'Sees the screen of a computer and operates it with mouse and keyboard, in applications that no tool covers. ' +
      `The computer has no network. ${there} Give it a whole task, with every value that it is to enter.`;
    return { name: 'computer-use agent', description: description.slice(0, 4_000), skills: [], reachable: true };
  }

  async frame({ principal, runId, sha256 }: InputOf<typeof computerFrame>): Promise<OutputOf<typeof computerFrame>> {
    const frame = await this.#parts.frames.get({ tenantId: principal.tenantId, runId }, sha256);
    if (!frame) throw new AppError('not_found');
    const { width, height, png } = frame;
    return { sha256, width, height, png: png.toString('base64') };
  }
}
