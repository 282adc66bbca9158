/** One server-sent event. Without `data` it only moves the client's cursor; nothing is dispatched at the client. */
export interface Frame {
  readonly event?: string;
  readonly data?: unknown;
  /** The cursor `<runId>:<seq>`; only on the last frame of what one run event gave. */
  readonly id?: string;
}

/** The frame as it goes on the wire: LF only, the data as JSON on one line. */
export function encodeFrame(frame: Frame): string {
  let text = '';
  if (frame.event !== undefined) text += `event: ${frame.event}\n`;
  if (frame.id !== undefined) text += `id: ${frame.id}\n`;
  if (frame.data !== undefined) text += `data: ${JSON.stringify(frame.data)}\n`;
  return text === '' ? '' : `${text}\n`;
}

export function encodeFrames(frames: readonly Frame[]): string {
  let text = '';
  for (const frame of frames) text += encodeFrame(frame);
  return text;
}

/** A comment keeps proxies from closing an idle stream; clients never see it. */
export const HEARTBEAT = ': ka\n\n';

/** Puts the cursor of one run event on the last of its frames; an event without frames moves no cursor. */
export function group(frames: Frame[], cursor: string): Frame[] {
  const last = frames.length - 1;
  if (last >= 0) frames[last] = { ...frames[last], id: cursor };
  return frames;
}
