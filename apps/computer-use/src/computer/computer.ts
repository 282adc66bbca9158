import type { ScreenAction, ScreenRect } from '@switchyard/contracts';

/** What the screen showed at one moment. Its pixels are those of the screen: nothing is scaled. */
export interface Frame {
  readonly png: Buffer;
  /** Of the PNG, as lower-case hex: the name of the frame everywhere else. */
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  readonly scale: 1;
}

/** What came of one act of the hands, read off the screen once it stood still. */
export interface ActOutcome {
  /** The screen after the act. */
  readonly frame: Frame;
  /** True where the screen after the act differs from the one before it. */
  readonly changed: boolean;
  /** The smallest rectangle that holds every changed pixel; null where nothing changed. */
  readonly changedRegion: ScreenRect | null;
  /** False where the screen still moved when the wait for it ended. */
  readonly settled: boolean;
  readonly durationMs: number;
}

/** A thing on the screen that its application names. */
export interface UiElement {
  /** `button`, `textbox`, `checkbox`, … in the words of ARIA. */
  readonly role: string;
  readonly name: string;
  readonly rect: ScreenRect;
  readonly value?: string;
}

/**
 * One screen with its eyes and hands, for one step. Each call ends soon after its signal is aborted; then no key or button
 * is held, and no further input reaches the screen.
 */
export interface Computer {
  readonly size: { readonly width: number; readonly height: number };
  frame(signal?: AbortSignal): Promise<Frame>;
  act(action: ScreenAction, signal?: AbortSignal): Promise<ActOutcome>;
  /** Where the backend knows what is on the screen. */
  elements?(signal?: AbortSignal): Promise<readonly UiElement[]>;
  /** Ends every process of the session and removes what it left. May be called twice. */
  close(): Promise<void>;
}

/** What a step asks a screen for. */
export interface SessionRequest {
  /** Names the session in processes, files and rows: `<runId>-<stepId>` or the like. */
  readonly id: string;
  readonly tenantId: string;
  /** Sealed: no network but its own loopback. Open: through the egress proxy to allowed hosts alone. */
  readonly network: 'sealed' | 'open';
  readonly size: { readonly width: number; readonly height: number };
}

/** A source of screens. */
export interface ComputerBackend {
  readonly name: string;
  /** Screens that could be opened now, and the most at once. */
  capacity(): { readonly free: number; readonly total: number };
  /** Throws `overloaded` where none is free. */
  open(request: SessionRequest, signal?: AbortSignal): Promise<Computer>;
  /** Ends every session. */
  close(): Promise<void>;
}
