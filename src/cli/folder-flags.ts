import type { ModelFlags } from "./model-flags";

/** Every n-th file, from the i-th (the first is 1). */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** The flags of commands that look at a whole labelled folder. */
export interface FolderFlags extends ModelFlags {
  readonly labelsCsv?: string;
  readonly seed?: number;
  readonly shard?: Shard;
  readonly report?: string;
  readonly csv?: string;
  readonly resume?: string | true;
  readonly json?: boolean;
  /** How many pictures are looked at at once. */
  readonly workers: number;
}
