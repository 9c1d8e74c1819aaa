/*
 * What the declarations name of the host, for compilers that are not told of one (no DOM, no @types/node) or whose libraries are
 * older than `Symbol.dispose`. Where they are told, these merge with what they know and change nothing. Methods alone: of
 * properties a second declaration would have to be the same to the letter.
 */
interface AbortSignal {
  throwIfAborted(): void;
}
interface Blob {
  arrayBuffer(): Promise<ArrayBuffer>;
}
interface File {
  arrayBuffer(): Promise<ArrayBuffer>;
}
interface Response {
  arrayBuffer(): Promise<ArrayBuffer>;
}
interface URL {
  toString(): string;
}
declare namespace WebAssembly {
  // biome-ignore lint/suspicious/noEmptyInterface: a module has nothing to call.
  interface Module {}
}
interface SymbolConstructor {
  readonly dispose: unique symbol;
  readonly asyncDispose: unique symbol;
}
