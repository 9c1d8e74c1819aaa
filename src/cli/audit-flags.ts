import type { MethodName } from "../index";
import type { FolderFlags } from "./folder-flags";

/** The flags of `seethrough audit`. */
export interface AuditFlags extends FolderFlags {
  readonly method: MethodName;
  readonly layer?: string;
  readonly control: "class" | "weights";
  readonly controlModel?: string;
}
