import type { MethodName } from "../index";
import type { ModelFlags, PlaceFlag } from "./model-flags";

export interface EvaluateFlags extends ModelFlags {
  readonly methods: readonly MethodName[];
  readonly target?: string;
  readonly position?: PlaceFlag;
  readonly seed: number;
  /** Of several networks, in place of `model`. */
  readonly models?: readonly string[];
  readonly report?: string;
  readonly csv?: string;
  readonly resume?: string | true;
  readonly json?: boolean;
  /** How many images are judged at once. */
  readonly workers: number;
}
