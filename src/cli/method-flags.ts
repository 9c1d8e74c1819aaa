import {
  detectorMethods,
  type MethodFacts,
  type MethodName,
  type MethodOptions,
  methodTable,
  type OcclusionOptions,
} from "../index";

/** Options that some methods have. */
export interface MethodFlags {
  readonly steps?: number;
  readonly samples?: number;
  readonly masks?: number;
  readonly window?: OcclusionOptions["window"];
  readonly stride?: OcclusionOptions["stride"];
  readonly seed?: number;
  /** Milliseconds. */
  readonly budget?: number;
}

/** The library's name of each flag's option. */
const optionOf = {
  steps: "nSteps",
  samples: "samples",
  masks: "masks",
  window: "window",
  stride: "stride",
  seed: "seed",
  budget: "budget",
} as const satisfies Record<keyof MethodFlags, keyof MethodOptions>;

const flagNames = Object.keys(optionOf) as readonly (keyof MethodFlags)[];

/** The methods that have a flag's option. */
const takers = (flag: keyof MethodFlags): readonly MethodName[] =>
  [...methodTable, ...detectorMethods]
    .filter(({ options }: MethodFacts) => options.some((group) => Object.hasOwn(group, optionOf[flag])))
    .map(({ name }) => name);

/**
 * Those of the flags that a method has options for.
 *
 * @param isPlane  true for pictures, where one number stands for height and width
 */
export const optionsOf = (method: MethodName, flags: MethodFlags, isPlane: boolean): MethodOptions =>
  Object.fromEntries(
    flagNames.flatMap((flag) => {
      const value = flags[flag];
      if (value === undefined || !takers(flag).includes(method)) return [];
      const isSide = flag === "window" || flag === "stride";
      const given = isSide && isPlane && typeof value === "number" ? [value, value] : value;
      return [[optionOf[flag], flag === "budget" ? { ms: value } : given]];
    }),
  );

/** Those of some methods that a budget ends. */
export const budgeted = (methods: readonly MethodName[]): readonly MethodName[] =>
  methods.filter((method) => takers("budget").includes(method));

/** Of a flag that the chosen method has no option for: what is wrong. */
export function foreignFlag(
  flags: MethodFlags & { readonly method: MethodName | "all"; readonly methods?: readonly MethodName[] },
): string | undefined {
  const { method, methods = [method] } = flags;
  if (method === "all") return undefined;
  const foreign = flagNames.find((flag) => {
    const have: readonly string[] = takers(flag);
    return flags[flag] !== undefined && !methods.some((name) => have.includes(name));
  });
  return foreign && `--${foreign} belongs to ${takers(foreign).join(", ")}, not to ${methods.join(" or ")}`;
}
