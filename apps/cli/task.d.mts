export interface TaskInput extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean | undefined;
}
export const NO_TASK: string;
export function askForTask(input?: TaskInput, output?: NodeJS.WritableStream): Promise<string>;
