/** What is used of the package, which brings no types. */
declare module 'x11' {
  export interface XDisplay {
    readonly client: XClient;
    readonly screen: readonly { readonly root: number }[];
    readonly min_keycode: number;
    readonly max_keycode: number;
  }
  export interface XTest {
    readonly KeyPress: 2;
    readonly KeyRelease: 3;
    readonly ButtonPress: 4;
    readonly ButtonRelease: 5;
    readonly MotionNotify: 6;
    FakeInput(type: number, detail: number, time: number, window: number, x: number, y: number): void;
    GrabControl(impervious: boolean): void;
  }
  export interface XClient {
    on(event: 'error', listener: (error: Error) => void): this;
    on(event: 'end', listener: () => void): this;
    require(name: 'xtest', done: (error: Error | null, extension: XTest) => void): void;
    GetKeyboardMapping(first: number, count: number, done: (error: Error | null, rows: number[][]) => void): void;
    ChangeKeyboardMapping(first: number, perCode: number, keysyms: readonly number[]): void;
    sync(done: (error: Error | null) => void): void;
    terminate(): void;
  }
  const x11: {
    createClient(
      options: { display: string; auth: { name: string; data: string }; shm: false },
      done: (error: Error | null | undefined, display: XDisplay) => void,
    ): XClient;
    readonly keySyms: Readonly<Record<string, { readonly code: number }>>;
  };
  export default x11;
}
