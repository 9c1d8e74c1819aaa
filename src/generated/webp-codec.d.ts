/** libwebp as WebAssembly, in hexadecimal digits. `scripts/build.mjs` writes the module beside this declaration. */
declare const codec: string;
export default codec;
