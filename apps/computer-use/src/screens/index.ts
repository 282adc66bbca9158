/* What is told of the screens. */

export { Screens } from './screens.ts';
export { ScreensHandler } from './screens.handler.ts';
