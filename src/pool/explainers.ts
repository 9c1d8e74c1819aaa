import type { Input, Model } from "../model/model";

type Library = typeof import("../api");

/** The functions of the library that explain an input with a model, by name; not those that judge a map or a method beside. */
export type ExplainerName = {
  [Name in keyof Library]: Library[Name] extends (model: Model, input: Input, options: never) => Promise<object>
    ? 4 extends Parameters<Library[Name]>["length"]
      ? never
      : Name
    : never;
}[keyof Library];

/** They all, as the library declares them. */
export type Explainers = { readonly [Name in ExplainerName]: Library[Name] };

/** The compiler refuses this where a name is missing or is none. */
const names: Readonly<Record<ExplainerName, true>> = {
  ablationCam: true,
  cam: true,
  deconvnet: true,
  deepLift: true,
  deepLiftShap: true,
  eigenCam: true,
  excitationBackprop: true,
  explain: true,
  fullGrad: true,
  gradCam: true,
  gradCamPlusPlus: true,
  gradientShap: true,
  guidedBackprop: true,
  guidedGradCam: true,
  hiResCam: true,
  inputXGradient: true,
  integratedGradients: true,
  kernelShap: true,
  layerCam: true,
  lime: true,
  lrp: true,
  occlusion: true,
  projectActivation: true,
  rise: true,
  saliency: true,
  scoreCam: true,
  smoothGrad: true,
  xGradCam: true,
};

export const explainerNames = /* @__PURE__ */ Object.keys(names) as readonly ExplainerName[];

/** Those made of many passes that do not depend on each other: their passes are divided among the instances that are free. */
export const dividedNames = [
  "ablationCam",
  "integratedGradients",
  "kernelShap",
  "lime",
  "occlusion",
  "rise",
  "scoreCam",
  "smoothGrad",
] as const satisfies readonly ExplainerName[];

export type DividedName = (typeof dividedNames)[number];

const methodName = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The divided one that a call is for, also by way of `explain`. */
export const dividedName = (name: ExplainerName, method: unknown): DividedName | undefined =>
  dividedNames.find((divided) => (name === "explain" ? methodName(divided) === method : divided === name));
