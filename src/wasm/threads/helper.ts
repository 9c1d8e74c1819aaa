/** What a helping thread is told when it starts. */
export interface HelperStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly board: number;
  /** Its number, from 1 on. */
  readonly thread: number;
  /** Names of the kernels, in the order of the board. */
  readonly kernels: readonly string[];
}

/** What it answers before it begins to serve: how it went. */
export type Answer = { readonly ready: true } | { readonly failed: string };
