import type { MethodName } from "../index";
import type { FolderFlags } from "./folder-flags";

/** The flags of `seethrough compare`. */
export interface CompareFlags extends FolderFlags {
  readonly models: readonly [string, string];
  readonly method: MethodName;
  readonly layer?: string;
}
