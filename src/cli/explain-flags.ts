import { type DetectionPart, type MethodName, methodTable } from "../index";
import type { MethodFlags } from "./method-flags";
import type { ModelFlags, PlaceFlag } from "./model-flags";
import type { NamedValue } from "./named-files";

/** The flags of `seethrough explain`. */
export interface ExplainFlags extends ModelFlags, MethodFlags {
  readonly method: MethodName | "all";
  /** Several, in place of `method`. */
  readonly methods?: readonly MethodName[];
  readonly target?: string;
  readonly position?: PlaceFlag;
  /** The number of a box in the list of `detect`, from 1. */
  readonly detection?: number;
  readonly ofBox?: DetectionPart;
  readonly threshold?: number;
  readonly iou?: number;
  readonly layer?: string;
  /** A file; of several pictures a folder. */
  readonly out?: string;
  readonly npy?: string;
  readonly json?: boolean;
  /** Draw on the picture at its own size. */
  readonly fullSize?: boolean;
  readonly colormap?: string;
  /** Standard deviation in input pixels or samples. */
  readonly smooth?: number;
  /** Heads of an attention layer, whose attention is drawn in place of a method's map. */
  readonly head?: readonly number[] | "mean" | "all";
  readonly workers: number;
  readonly input?: readonly NamedValue[];
  /** The input to show. */
  readonly of?: string;
  /** Of several networks, in place of `model`. */
  readonly models?: readonly string[];
  readonly report?: string;
  readonly csv?: string;
  readonly resume?: string | true;
}

/** The methods that are asked for. */
export const methodsOf = ({ method, methods }: Pick<ExplainFlags, "method" | "methods">): readonly MethodName[] =>
  methods ?? (method === "all" ? methodTable.map(({ name }) => name) : [method]);
