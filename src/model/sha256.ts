// A module of its own, so that a bundle gets this one function of the library, and only on demand.
export { sha256 } from "@noble/hashes/sha2.js";
