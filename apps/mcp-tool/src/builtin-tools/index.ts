import type { Notes } from '@switchyard/store';
import type { Tool } from '../tool/index.ts';
import { adminDebug } from './admin-debug.ts';
import { calculator } from './calculator.ts';
import { getWeather } from './get-weather.ts';
import { noteTools } from './notes.ts';

/** The tools that come with the service. */
export const builtinTools = (notes: Notes): readonly Tool[] => [
  getWeather,
  calculator,
  ...noteTools(notes),
  adminDebug,
];
