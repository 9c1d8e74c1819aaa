/**
 * What the page may do. Nothing may be loaded from, or sent to, any other place than where the page itself came from;
 * WebAssembly may be compiled, text may not be run as code.
 */
const directives = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
];

export const contentSecurityPolicy = directives.join("; ");
