export { changedRectangle } from './pixels.ts';
export { PngThread } from './png-thread.ts';
export { ScreenFrames } from './screen-frames.ts';
