/* Tools that an operator declares: in files, or by the interface of administrators. */

export { FileCheck } from './file-check.ts';
export { FileTools } from './file-tools.ts';
export { httpTool } from './http-tool.ts';
export { ToolAdminHandler } from './tool-admin.handler.ts';
export { NO_DEFINITIONS, ToolRegistrar } from './tool-registrar.ts';
