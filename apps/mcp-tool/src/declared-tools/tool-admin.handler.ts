import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import {
  checkToolFile,
  explainTools,
  type InputOf,
  listRegisteredTools,
  type OutputOf,
  registerTool,
  removeTool,
} from '@switchyard/contracts';
import { FileCheck } from './file-check.ts';
import { ToolRegistrar } from './tool-registrar.ts';
import { Toolbox } from '../catalog/index.ts';

@Controller()
export class ToolAdminHandler {
  readonly #toolbox: Toolbox;
  readonly #registrar: ToolRegistrar;
  readonly #files: FileCheck;

  constructor(toolbox: Toolbox, registrar: ToolRegistrar, files: FileCheck) {
    this.#toolbox = toolbox;
    this.#registrar = registrar;
    this.#files = files;
  }

  @Handles(explainTools)
  explain({ principal, ...asked }: InputOf<typeof explainTools>): Promise<OutputOf<typeof explainTools>> {
    return this.#toolbox.explain(principal, asked);
  }

  @Handles(registerTool)
  register({ principal, ...given }: InputOf<typeof registerTool>): Promise<OutputOf<typeof registerTool>> {
    return this.#registrar.register(principal, given);
  }

  @Handles(removeTool)
  async remove({ principal, tool }: InputOf<typeof removeTool>): Promise<OutputOf<typeof removeTool>> {
    return { removed: await this.#registrar.remove(principal, tool) };
  }

  @Handles(listRegisteredTools)
  registered({ principal }: InputOf<typeof listRegisteredTools>): Promise<OutputOf<typeof listRegisteredTools>> {
    return this.#registrar.list(principal);
  }

  @Handles(checkToolFile)
  async check(input: InputOf<typeof checkToolFile>): Promise<OutputOf<typeof checkToolFile>> {
    return Promise.resolve(this.#files.check(input));
  }
}
