import { oneOf, show } from "../checks";
import { OptionError } from "../errors";
import { guarded } from "../guard";
import type { MethodName } from "./table";

/**
 * A method in words for people who do not know it. Apart from its facts, so that bundles carry the sentences only where somebody asks
 * for them. `{target}` stands for what is explained.
 */
export interface MethodWords {
  /** Its name as papers write it. */
  readonly title: string;
  /** What it does, and what to keep in mind. */
  readonly says: string;
  /** What is true of a place with a high value, red in the library's own colours. */
  readonly high: string;
  /** What is true of a place with a low value, blue in the library's own colours: negative where signs count, else near nothing. */
  readonly low: string;
}

/** Class activation maps differ in how they weigh, not in how they are read. */
const map = {
  high: "what the layer finds here speaks most for {target}",
  low: "what it finds here speaks little for {target}",
};
/** Shares of a difference to an empty picture. */
const share = {
  high: "what stands here, in place of the baseline, raises the score of {target}",
  low: "what stands here, in place of the baseline, lowers the score of {target}",
};
const region = {
  high: "showing this region raises the score of {target}",
  low: "showing this region lowers the score of {target}",
};
const gradient = {
  high: "a small change of this place changes the score of {target} most, up or down",
  low: "a small change of this place changes it little",
};
const projection = {
  high: "what is projected back from {target} is strong here (edges, whatever the class)",
  low: "it is weak here",
};

export const methodWords: Readonly<Record<MethodName, MethodWords>> = {
  saliency: { title: "Saliency", says: "How the score answers to a small change of each pixel.", ...gradient },
  "input-x-gradient": {
    title: "Input × gradient",
    says: "The first-order share of each pixel in the score.",
    high: "making the values of this place stronger raises the score of {target}, as far as the gradient tells",
    low: "making them stronger lowers the score of {target}",
  },
  "smooth-grad": {
    title: "SmoothGrad",
    says: "The gradient averaged over noisy copies of the picture: what stays is less grainy.",
    ...gradient,
  },
  "integrated-gradients": {
    title: "Integrated gradients",
    says: "Each pixel's share, summed along the way from an empty picture. The shares add up to the score.",
    ...share,
  },
  "deep-lift": {
    title: "DeepLIFT",
    says: "Each pixel's share in the difference to an empty picture, in one pass. The shares add up.",
    ...share,
  },
  "deep-lift-shap": { title: "DeepLIFT SHAP", says: "DeepLIFT averaged over several empty pictures.", ...share },
  lrp: {
    title: "LRP",
    says: "Relevance handed down layer by layer, here by positive evidence. Shows objects; answers hardly differ.",
    high: "relevance for {target}, handed back from layer to layer, arrives here",
    low: "relevance against {target} arrives here",
  },
  "excitation-backprop": {
    title: "Excitation backprop",
    says: "Where a walk along positive evidence ends. Shows objects; answers hardly differ.",
    high: "a walk back from {target} along positive weights ends here most often",
    low: "it ends here seldom",
  },
  "gradient-shap": {
    title: "GradientSHAP",
    says: "Integrated gradients at random points on the way from several empty pictures.",
    ...share,
  },
  deconvnet: {
    title: "Deconvnet",
    says: "The signal projected back through switches and rectifiers. Shows edges; use it to look, not as evidence.",
    ...projection,
  },
  "guided-backprop": {
    title: "Guided backprop",
    says: "Like deconvnet, only through places that were active. Shows edges; use it to look, not as evidence.",
    ...projection,
  },
  "guided-grad-cam": {
    title: "Guided Grad-CAM",
    says: "Guided backprop where Grad-CAM is positive. Shows edges; use it to look, not as evidence.",
    ...projection,
  },
  "full-grad": {
    title: "FullGrad",
    says: "The gradient at the pixels and at every bias of the network, all magnitudes together.",
    high: "pixels and biases matter most for the score of {target} here, up or down",
    low: "they matter little here",
  },
  cam: {
    title: "CAM",
    says: "The exact share of each place in the score. Needs a network that ends in global average pooling.",
    ...map,
  },
  "grad-cam": {
    title: "Grad-CAM",
    says: "Where a layer's maps speak for the answer, each map weighed by its mean gradient.",
    ...map,
  },
  "grad-cam-plus-plus": {
    title: "Grad-CAM++",
    says: "Grad-CAM with more weight on gradients that few places share, so that several objects of a class show alike.",
    ...map,
  },
  "layer-cam": {
    title: "LayerCAM",
    says: "Each place of a layer's maps weighed by its own positive gradient. Try early layers: their maps are fine.",
    ...map,
  },
  "x-grad-cam": {
    title: "XGrad-CAM",
    says: "Grad-CAM with the gradient averaged only where a map is active.",
    ...map,
  },
  "hi-res-cam": {
    title: "HiResCAM",
    says: "Each place of a layer's maps weighed by its own gradient: marks only places that the answer used.",
    ...map,
  },
  "eigen-cam": {
    title: "Eigen-CAM",
    says: "What stands out in a layer's maps, their first principal component. The same for every answer.",
    high: "what stands out most at this layer, whatever the class",
    low: "nothing stands out here",
  },
  "score-cam": {
    title: "Score-CAM",
    says: "Each map weighed by the score of the picture seen only through it. One pass per map, no gradients.",
    ...map,
  },
  "ablation-cam": {
    title: "Ablation-CAM",
    says: "Each map weighed by what the score loses without it. One pass per map, no gradients.",
    ...map,
  },
  "attention-rollout": {
    title: "Attention rollout",
    says: "What attention, multiplied from block to block, brings to the answer's token. Of transformers; the same for every answer.",
    high: "attention takes most from here, whatever the class",
    low: "it takes little from here",
  },
  "attention-relevance": {
    title: "Attention relevance",
    says: "Attention that the score grows by, followed from block to block. Of transformers.",
    high: "attention to this place raises the score of {target}",
    low: "attention to it does not raise the score",
  },
  "recipro-cam": {
    title: "Recipro-CAM",
    says: "What the score is when a layer keeps one place alone. One pass per place, no gradients.",
    high: "this place alone gives {target} a high score",
    low: "this place alone gives it a low one",
  },
  occlusion: {
    title: "Occlusion",
    says: "By how much the score drops when a patch covers each place. Many passes, no gradients.",
    high: "covering this place lowers the score of {target}",
    low: "covering it raises the score",
  },
  rise: {
    title: "RISE",
    says: "The mean of thousands of random masks, each weighed by the score of what it leaves visible.",
    high: "the score of {target} was highest, on average, when this place was left visible",
    low: "it was lowest when this place was left visible",
  },
  "d-rise": {
    title: "D-RISE",
    says: "The mean of thousands of random masks, each weighed by how well the detector still finds the box.",
    high: "the box of {target} was found best, on average, when this place was left visible",
    low: "it was found worst when this place was left visible",
  },
  lime: {
    title: "LIME",
    says: "A linear model of how the score changes when regions are taken away at random.",
    ...region,
  },
  "kernel-shap": {
    title: "KernelSHAP",
    says: "The fair share of each region in the score, over all ways of taking regions away.",
    ...region,
  },
};

/**
 * What high and low values of a method mean, in words.
 *
 * @param target  what was explained, as people call it
 * @throws {OptionError} if there is no such method, or the target is no text
 */
export function inWords(method: MethodName, target: string): { readonly high: string; readonly low: string } {
  return guarded("inWords", () => {
    oneOf("inWords: the method", method, Object.keys(methodWords));
    if (typeof target !== "string") throw new OptionError(`inWords: the target is text, got ${show(target)}.`);
    const { high, low } = methodWords[method];
    const said = (text: string): string => text.replaceAll("{target}", () => target);
    return { high: said(high), low: said(low) };
  });
}
