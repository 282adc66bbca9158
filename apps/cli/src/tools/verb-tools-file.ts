import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { MAX_TOOL_FILE_CHARS } from '@switchyard/contracts';
import type { ToolFileChecked } from '@switchyard/contracts/http';
import type { GatewayClient } from '../command-line/gateway-client.ts';
import { problemLines } from '../terminal/tool-lines.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { gatewayOf, type VerbContext } from '../command-line/verb.ts';

/** `tools test`: what is wrong with a file of tools, by line, by the rules of a file in TOOLS_DIR. Changes nothing. */
export async function testFile(context: VerbContext, file: string): Promise<number> {
  const { tools } = await checked(context, file, 'operator');
  if (context.values['json'] === true) context.print(JSON.stringify(tools, null, 2));
  else for (const { tool } of tools) context.print(`${tool} is valid.`);
  if (tools.length === 0) context.remark(`${file} holds no tools.`);
  return EXIT.ok;
}

/** `tools add`: registers each tool of a file for the tenant; none where one of them is wrong. */
export async function addFile(context: VerbContext, file: string): Promise<number> {
  const gateway = gatewayOf(context);
  const { tools } = await checked(context, file, 'tenant', gateway);
  if (tools.length === 0) throw new UserError(`${file} holds no tools.`, EXIT.failed);
  // Names that are taken are known there alone.
  for (const { definition } of tools) await gateway.post('/tools?dry_run=true', definition);
  for (const { tool, definition } of tools) {
    const answer = (await gateway.post('/tools', definition)) as { replaced: boolean };
    if (context.values['json'] === true) context.print(JSON.stringify(answer));
    else context.print(`${tool} is ${answer.replaced ? 'replaced' : 'registered'}.`);
  }
  return EXIT.ok;
}

async function checked(
  context: VerbContext,
  file: string,
  as: 'operator' | 'tenant',
  gateway: GatewayClient = gatewayOf(context),
): Promise<ToolFileChecked> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UserError(`${file} cannot be read.`, EXIT.usage);
  });
  if (text.length > MAX_TOOL_FILE_CHARS)
    throw new UserError(
      `${file} is longer than ${MAX_TOOL_FILE_CHARS} characters; make several files of it.`,
      EXIT.usage,
    );
  const answer = (await gateway.post('/tools/check', {
    file: basename(file),
    text: asFile(text),
    as,
  })) as ToolFileChecked;
  if (answer.problems.length > 0) throw new UserError(problemLines(file, answer.problems).join('\n'), EXIT.failed);
  return answer;
}

/** One tool alone, as POST /tools takes it, is a file with one tool. */
export function asFile(text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  const alone = typeof value === 'object' && value !== null && 'name' in value && !('tools' in value);
  // On one line with what it was, so that lines are those of the file.
  return alone ? `{"tools":[${text.trimEnd()}]}` : text;
}
