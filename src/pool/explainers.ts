import type {
  ablationCam,
  attentionMaps,
  attentionRelevance,
  attentionRollout,
  cam,
  classProbabilityMap,
  concepts,
  deconvnet,
  deepLift,
  deepLiftShap,
  detect,
  dRise,
  eigenCam,
  excitationBackprop,
  explain,
  fullGrad,
  gradCam,
  gradCamPlusPlus,
  gradientShap,
  guidedBackprop,
  guidedGradCam,
  hiResCam,
  inputXGradient,
  integratedGradients,
  kernelShap,
  layerCam,
  lime,
  lrp,
  occlusion,
  projectActivation,
  reciproCam,
  rise,
  saliency,
  scoreCam,
  smoothGrad,
  xGradCam,
} from "../api";
import { allMethods } from "../methods/table";
import type { Input, Model } from "../model/model";

/**
 * The functions of the library that explain an input with a model, as it declares them; not those that judge a map or a method
 * beside. Written out, because not every compiler can read declarations of what is computed from a whole module.
 */
export interface Explainers {
  readonly ablationCam: typeof ablationCam;
  readonly attentionMaps: typeof attentionMaps;
  readonly attentionRelevance: typeof attentionRelevance;
  readonly attentionRollout: typeof attentionRollout;
  readonly cam: typeof cam;
  readonly classProbabilityMap: typeof classProbabilityMap;
  readonly dRise: typeof dRise;
  readonly deconvnet: typeof deconvnet;
  readonly deepLift: typeof deepLift;
  readonly deepLiftShap: typeof deepLiftShap;
  readonly concepts: typeof concepts;
  readonly detect: typeof detect;
  readonly eigenCam: typeof eigenCam;
  readonly excitationBackprop: typeof excitationBackprop;
  readonly explain: typeof explain;
  readonly fullGrad: typeof fullGrad;
  readonly gradCam: typeof gradCam;
  readonly gradCamPlusPlus: typeof gradCamPlusPlus;
  readonly gradientShap: typeof gradientShap;
  readonly guidedBackprop: typeof guidedBackprop;
  readonly guidedGradCam: typeof guidedGradCam;
  readonly hiResCam: typeof hiResCam;
  readonly inputXGradient: typeof inputXGradient;
  readonly integratedGradients: typeof integratedGradients;
  readonly kernelShap: typeof kernelShap;
  readonly layerCam: typeof layerCam;
  readonly lime: typeof lime;
  readonly lrp: typeof lrp;
  readonly occlusion: typeof occlusion;
  readonly projectActivation: typeof projectActivation;
  readonly reciproCam: typeof reciproCam;
  readonly rise: typeof rise;

  readonly saliency: typeof saliency;
  readonly scoreCam: typeof scoreCam;
  readonly smoothGrad: typeof smoothGrad;
  readonly xGradCam: typeof xGradCam;
}

/** Their names. */
export type ExplainerName = keyof Explainers;

type Library = typeof import("../api");

/** What the list above must be. */
type Explaining = {
  [Name in keyof Library]: Library[Name] extends (model: Model, input: Input, options: never) => Promise<object>
    ? 4 extends Parameters<Library[Name]>["length"]
      ? never
      : Name
    : never;
}[keyof Library];

type Method = (typeof allMethods)[number];
type Listed =
  | Method["call"]
  | "concepts"
  | "explain"
  | "projectActivation"
  | "attentionMaps"
  | "detect"
  | "classProbabilityMap";

/** The compiler refuses this where one is missing or is none. */
export const explainerNames: [
  Exclude<Explaining, Listed & ExplainerName> | Exclude<ExplainerName, Explaining>,
] extends [never]
  ? readonly ExplainerName[]
  : never = /* @__PURE__ */ [
  "explain",
  "projectActivation",
  "concepts",
  "detect",
  "classProbabilityMap",
  "attentionMaps",
  .../* @__PURE__ */ allMethods.map(({ call }) => call),
];

/** Those made of many passes that do not depend on each other: their passes are divided among the instances that are free. */
export type DividedName = Extract<Method, { readonly divided: true }>["call"];

const isDivided = (method: Method): method is Extract<Method, { readonly divided: true }> => "divided" in method;

/** The divided one that a call is for, also by way of `explain`. */
export const dividedName = (name: ExplainerName, method: unknown): DividedName | undefined =>
  allMethods.filter(isDivided).find((each) => (name === "explain" ? each.name === method : each.call === name))?.call;
