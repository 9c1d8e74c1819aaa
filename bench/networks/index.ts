import { alexnet } from "./alexnet";
import { convnextT } from "./convnext-t";
import { densenet121 } from "./densenet121";
import { efficientnetB0 } from "./efficientnet-b0";
import { googlenet } from "./googlenet";
import { mobilenetV2 } from "./mobilenet-v2";
import { mobilevitS } from "./mobilevit-s";
import { resnet18, resnet50 } from "./resnet";
import { shufflenetV2 } from "./shufflenet-v2";
import { squeezenet } from "./squeezenet";
import { swinT } from "./swin-t";
import { vgg16 } from "./vgg16";
import { vitB16 } from "./vit-b16";

export interface NetworkEntry {
  /** Millions of multiply–accumulates of convolutions and dense layers, one image. */
  readonly mmac: number;
  /** Height and width of the image; default 224. */
  readonly side?: number;
  /** Makes the ONNX file; the same bytes every time. */
  readonly build: () => Uint8Array;
}

/** The networks of the comparison, convolutions first, then transformers, both cheapest first. Input 1×3×224×224 where they do not say another side, output 1×1000. */
export const networks: Readonly<Record<string, NetworkEntry>> = {
  "shufflenet-v2": { mmac: 145, build: shufflenetV2 },
  "mobilenet-v2": { mmac: 301, build: mobilenetV2 },
  squeezenet: { mmac: 349, build: squeezenet },
  "efficientnet-b0": { mmac: 386, build: efficientnetB0 },
  alexnet: { mmac: 714, build: alexnet },
  googlenet: { mmac: 1498, build: googlenet },
  "resnet-18": { mmac: 1814, build: resnet18 },
  "densenet-121": { mmac: 2834, build: densenet121 },
  "resnet-50": { mmac: 4089, build: resnet50 },
  "vgg-16": { mmac: 15470, build: vgg16 },
  "mobilevit-s": { mmac: 2030, side: 256, build: mobilevitS },
  "convnext-t": { mmac: 4460, build: convnextT },
  "swin-t": { mmac: 4510, build: swinT },
  "vit-b16": { mmac: 17580, build: vitB16 },
};
