// An entry of the build that nobody imports: what is known by its class. The parts on demand that are bundled by themselves
// (tsup.config.ts) take it from here; of all else they have copies.
export * from "../errors";
export * from "../tensor";
export * from "./ir";
