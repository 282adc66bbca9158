import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRunEvent, type RunEvent } from '@switchyard/contracts';

/** The recorded journals of every version; see ../golden/README.md. */

interface Golden {
  /** `v1/plain-answer`. */
  readonly name: string;
  readonly shows: string;
  readonly events: readonly RunEvent[];
}

const home = join(import.meta.dirname, '..', 'golden');

export const GOLDEN: readonly Golden[] = readdirSync(home, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name: version }) =>
    readdirSync(join(home, version)).map((file) => {
      const { shows, events } = JSON.parse(readFileSync(join(home, version, file), 'utf8')) as Golden;
      return { name: `${version}/${file.replace('.json', '')}`, shows, events: events.map(parsed) };
    }),
  );

/** As a reader gets it: with the defaults of today's contract. */
function parsed(event: unknown): RunEvent {
  return parseRunEvent(event) ?? (event as RunEvent);
}
