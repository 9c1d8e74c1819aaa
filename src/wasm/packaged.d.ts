declare module "#kernels" {
  /** The packaged kernels: bytes where the host may compile, a compiled module where it may not. */
  const source: Uint8Array<ArrayBuffer> | WebAssembly.Module;
  export default source;
}

declare module "#default-model" {
  /** The bytes of the embedded default network (ONNX). */
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
