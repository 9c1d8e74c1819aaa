import type { MethodName } from "seethrough";
import type { MethodCard } from "../worker/protocol";
import { offered } from "./catalogue";

/** One of each kind: what is ticked before anybody chooses. */
const usual: ReadonlySet<MethodName> = new Set([
  "saliency",
  "integrated-gradients",
  "deconvnet",
  "guided-backprop",
  "lrp",
  "cam",
  "grad-cam",
  "occlusion",
]);

export const isUsual = (method: MethodName): boolean => usual.has(method);

/** What the library says about a method; its name alone until the worker has told. */
export const methodCard = (method: string): MethodCard =>
  offered.value?.methods.find(({ id }) => id === method) ?? {
    id: method as MethodName,
    name: method,
    says: "",
    high: "",
    low: "",
    slow: true,
  };
