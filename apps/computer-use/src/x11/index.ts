export { X11Backend, type X11BackendOptions } from './x11-backend.ts';
