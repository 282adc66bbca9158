import {
  AppError,
  type checkToolFile,
  type HttpToolDefinition,
  type InputOf,
  type OutputOf,
} from '@switchyard/contracts';
import type { Tool } from '../tool/index.ts';
import { parseToolFile } from './tool-files.ts';

type Make = (definition: HttpToolDefinition) => Tool;

/** Validates a file of tools without registering or calling any. */
export class FileCheck {
  readonly #makers: { readonly operator: Make; readonly tenant: Make };

  constructor(makers: { readonly operator: Make; readonly tenant: Make }) {
    this.#makers = makers;
  }

  check({ principal, file, text, as }: InputOf<typeof checkToolFile>): OutputOf<typeof checkToolFile> {
    if (principal.role !== 'admin') throw new AppError('forbidden', 'Only an admin checks files with tools.');
    const tools: OutputOf<typeof checkToolFile>['tools'] = [];
    const parsed = parseToolFile(file, text, (definition) => {
      const tool = this.#makers[as](definition);
      tools.push({ tool: tool.name, definition });
      return tool;
    });
    if (!parsed.ok) return { problems: parsed.problems.map(({ line, message }) => ({ line, message })), tools: [] };
    if (as === 'tenant' && Object.keys(parsed.policies).length > 0)
      return { problems: [{ line: 1, message: 'policies: they are for files of the operator' }], tools: [] };
    return { problems: [], tools };
  }
}
