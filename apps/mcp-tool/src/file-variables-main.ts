import { readFileSync } from 'node:fs';
import { variablesInFiles } from './file-variables.ts';

/*
 * Prints, as one JSON array, the variables that MCP_UPSTREAMS and AUTH_PROVIDERS_FILE name. `./switchyard up` asks it
 * which of the person's variables this service is to have; it runs in a process of its own because only this app can
 * read its files.
 */

function textOf(path: string | undefined): string {
  try {
    return path ? readFileSync(path, 'utf8') : '';
  } catch {
    return '';
  }
}

const { MCP_UPSTREAMS, AUTH_PROVIDERS_FILE } = process.env;
const names = variablesInFiles({ upstreams: textOf(MCP_UPSTREAMS), providers: textOf(AUTH_PROVIDERS_FILE) });
process.stdout.write(`${JSON.stringify(names)}\n`);
