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
