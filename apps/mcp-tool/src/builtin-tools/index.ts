/* The tools that come with the service. */

export { adminDebug } from './admin-debug.ts';
export { calculator } from './calculator.ts';
export { getWeather } from './get-weather.ts';
export { noteTools } from './notes.ts';
