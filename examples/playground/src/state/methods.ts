/** What the page says about a method; methods it does not know are offered by name alone. */
export interface MethodCard {
  readonly name: string;
  readonly says: string;
  /** "map": needs a layer with maps, the library suggests one. "any": the input, or any layer. */
  readonly layer?: "map" | "any";
  /** Many passes: it is started by hand. */
  readonly slow?: boolean;
}

const cards: Readonly<Record<string, MethodCard>> = {
  saliency: { name: "Saliency", says: "How the score answers to a small change of each pixel.", layer: "any" },
  "input-x-gradient": {
    name: "Input × gradient",
    says: "The first-order share of each pixel in the score.",
    layer: "any",
  },
  "integrated-gradients": {
    name: "Integrated gradients",
    says: "Each pixel's share, summed along the way from an empty picture. The shares add up to the score.",
    layer: "any",
    slow: true,
  },
  "smooth-grad": {
    name: "SmoothGrad",
    says: "The gradient averaged over noisy copies of the picture: what stays is less grainy.",
    layer: "any",
    slow: true,
  },
  "gradient-shap": {
    name: "GradientSHAP",
    says: "Integrated gradients at random points on the way from several empty pictures.",
    layer: "any",
  },
  "deep-lift": {
    name: "DeepLIFT",
    says: "Each pixel's share in the difference to an empty picture, in one pass. The shares add up.",
    layer: "any",
  },
  "deep-lift-shap": {
    name: "DeepLIFT SHAP",
    says: "DeepLIFT averaged over several empty pictures.",
    layer: "any",
  },
  lrp: {
    name: "LRP",
    says: "Relevance handed down layer by layer, here by positive evidence. Shows objects; answers hardly differ.",
    layer: "any",
  },
  "excitation-backprop": {
    name: "Excitation backprop",
    says: "Where a walk along positive evidence ends. Shows objects; answers hardly differ.",
    layer: "any",
  },
  deconvnet: {
    name: "Deconvnet",
    says: "The signal projected back through switches and rectifiers. Shows edges; use it to look, not as evidence.",
    layer: "any",
  },
  "guided-backprop": {
    name: "Guided backprop",
    says: "Like deconvnet, only through places that were active. Shows edges; use it to look, not as evidence.",
    layer: "any",
  },
  "guided-grad-cam": {
    name: "Guided Grad-CAM",
    says: "Guided backprop where Grad-CAM is positive. Shows edges; use it to look, not as evidence.",
    layer: "map",
  },
  "full-grad": {
    name: "FullGrad",
    says: "The gradient at the pixels and at every bias of the network, all magnitudes together.",
  },
  cam: {
    name: "CAM",
    says: "The exact share of each place in the score. Needs a network that ends in global average pooling.",
  },
  "grad-cam": {
    name: "Grad-CAM",
    says: "Where a layer's maps speak for the answer, each map weighed by its mean gradient.",
    layer: "map",
  },
  "grad-cam-plus-plus": {
    name: "Grad-CAM++",
    says: "Grad-CAM with more weight on gradients that few places share, so that several objects of a class show alike.",
    layer: "map",
  },
  "layer-cam": {
    name: "LayerCAM",
    says: "Each place of a layer's maps weighed by its own positive gradient. Try early layers: their maps are fine.",
    layer: "map",
  },
  "x-grad-cam": {
    name: "XGrad-CAM",
    says: "Grad-CAM with the gradient averaged only where a map is active.",
    layer: "map",
  },
  "hi-res-cam": {
    name: "HiResCAM",
    says: "Each place of a layer's maps weighed by its own gradient: marks only places that the answer used.",
    layer: "map",
  },
  "eigen-cam": {
    name: "Eigen-CAM",
    says: "What stands out in a layer's maps, their first principal component. The same for every answer.",
    layer: "map",
  },
  "score-cam": {
    name: "Score-CAM",
    says: "Each map weighed by the score of the picture seen only through it. One pass per map, no gradients.",
    layer: "map",
    slow: true,
  },
  "ablation-cam": {
    name: "Ablation-CAM",
    says: "Each map weighed by what the score loses without it. One pass per map, no gradients.",
    layer: "map",
    slow: true,
  },
  occlusion: {
    name: "Occlusion",
    says: "By how much the score drops when a patch covers each place. Many passes, no gradients.",
    slow: true,
  },
  rise: {
    name: "RISE",
    says: "The mean of thousands of random masks, each weighed by the score of what it leaves visible.",
    slow: true,
  },
  lime: {
    name: "LIME",
    says: "A linear model of how the score changes when regions are taken away at random.",
    slow: true,
  },
  "kernel-shap": {
    name: "KernelSHAP",
    says: "The fair share of each region in the score, over all ways of taking regions away.",
    slow: true,
  },
};

/** One of each kind: what is ticked before anybody chooses. */
const usual: ReadonlySet<string> = new Set([
  "saliency",
  "integrated-gradients",
  "deconvnet",
  "guided-backprop",
  "lrp",
  "cam",
  "grad-cam",
  "occlusion",
]);

export const isUsual = (method: string): boolean => usual.has(method);

const camLike = /(^|-)cam($|-)/;

export const methodCard = (method: string): MethodCard =>
  cards[method] ?? {
    name: method.charAt(0).toUpperCase() + method.slice(1).replaceAll("-", " "),
    says: "",
    ...(camLike.test(method) ? { layer: "map" as const } : { slow: true }),
  };
