import { type MethodName, type MethodOptions, methodNames } from "../index";

/** Options that some methods have. */
export interface MethodFlags {
  readonly steps?: number;
  readonly samples?: number;
  readonly masks?: number;
  readonly window?: number | readonly [number, number];
  readonly stride?: number | readonly [number, number];
  readonly seed?: number;
}

/** The library's name of each option, and the methods that have it. */
const takers: readonly {
  readonly flag: keyof MethodFlags;
  readonly option: keyof MethodOptions;
  readonly methods: readonly MethodName[];
}[] = [
  { flag: "steps", option: "nSteps", methods: ["integrated-gradients"] },
  { flag: "samples", option: "samples", methods: ["smooth-grad", "gradient-shap", "lime", "kernel-shap"] },
  { flag: "masks", option: "masks", methods: ["rise"] },
  { flag: "window", option: "window", methods: ["occlusion"] },
  { flag: "stride", option: "stride", methods: ["occlusion"] },
  { flag: "seed", option: "seed", methods: methodNames },
];

/**
 * Those of the flags that a method has options for.
 *
 * @param isPlane  true for pictures, where one number stands for height and width
 */
export const optionsOf = (method: MethodName, flags: MethodFlags, isPlane: boolean): MethodOptions =>
  Object.fromEntries(
    takers.flatMap(({ flag, option, methods }) => {
      const value = flags[flag];
      if (value === undefined || !methods.includes(method)) return [];
      const isSide = flag === "window" || flag === "stride";
      return [[option, isSide && isPlane && typeof value === "number" ? [value, value] : value]];
    }),
  );

/** Of a flag that the chosen method has no option for: what is wrong. */
export function foreignFlag(flags: MethodFlags & { readonly method: MethodName | "all" }): string | undefined {
  const { method } = flags;
  if (method === "all") return undefined;
  const foreign = takers.find(({ flag, methods }) => flags[flag] !== undefined && !methods.includes(method));
  return foreign && `--${foreign.flag} belongs to ${foreign.methods.join(", ")}, not to ${method}`;
}
