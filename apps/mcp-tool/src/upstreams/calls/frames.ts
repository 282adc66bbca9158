import { MCP_LOG_LEVELS, type McpCaller, type McpFrame } from '@switchyard/contracts';
import { stripControlChars, stripControlCharsIn } from '../../common/index.ts';
import type { Ask } from '../connections/index.ts';

/** The most frames of one request; further ones are dropped. */
const MAX_FRAMES = 1_000;
const MAX_LOG_BYTES = 16 * 1024;

/** The notifications of an upstream during a request, as frames for the MCP client. */
export function framesOf(
  mcp: McpCaller | undefined,
  tell: ((frame: McpFrame) => void) | undefined,
): Pick<Ask, 'onProgress' | 'onLog'> {
  if (!mcp || !tell) return {};
  let left = MAX_FRAMES;
  const send = (frame: McpFrame): void => {
    if (left > 0) tell(frame);
    left -= 1;
  };
  const least = mcp.logLevel === undefined ? Infinity : MCP_LOG_LEVELS.indexOf(mcp.logLevel);
  return {
    ...(mcp.progress
      ? {
          onProgress: ({ progress, total, message }) =>
            send({
              frame: 'progress',
              progress,
              ...(total === undefined ? {} : { total }),
              ...(message === undefined ? {} : { message: stripControlChars(message).slice(0, 4_000) }),
            }),
        }
      : {}),
    ...(least === Infinity
      ? {}
      : {
          onLog: ({ level, logger, data }) => {
            if (MCP_LOG_LEVELS.indexOf(level) < least) return;
            const shown = stripControlCharsIn(data);
            if (Buffer.byteLength(JSON.stringify(shown) ?? '') > MAX_LOG_BYTES) return;
            send({
              frame: 'log',
              level,
              ...(logger === undefined ? {} : { logger: logger.slice(0, 256) }),
              data: shown,
            });
          },
        }),
  };
}
