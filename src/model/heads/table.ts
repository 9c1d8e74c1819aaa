import type { BoxDecoding } from "../detection";
import { blazeFace, decodeBlazeFace } from "./blaze-face";
import { centernet, decodeCenternet } from "./centernet";
import { detr } from "./detr";
import { endToEnd } from "./end-to-end";
import type { Decoder, DecoderRequest, HeadFamily } from "./family";
import { decodeFastestDet, fastestDet } from "./fastest-det";
import { decodeNanodet, nanodet } from "./nanodet";
import { decodeCentre, decodeCorners, decodeCornersTopFirst } from "./plain-boxes";
import { decodeYolo, rawYolo } from "./raw-yolo";
import { decodeYoloV8, rawYoloV8 } from "./raw-yolo-v8";
import { decodeRetinaFace, decodeSsd, retinaFace, ssd } from "./ssd";
import { yoloV5 } from "./yolo-v5";
import { yoloV8 } from "./yolo-v8";
import { decodeYolox, yolox } from "./yolox";

/** The families that are recognised; the first that fits counts. */
export const headFamilies: readonly HeadFamily[] = [
  endToEnd,
  fastestDet,
  nanodet,
  detr,
  retinaFace,
  ssd,
  blazeFace,
  centernet,
  yolox,
  yoloV5,
  yoloV8,
  rawYoloV8,
  rawYolo,
];

/** How numbers become boxes, by the word for it. */
export const decoders: Readonly<Record<BoxDecoding, (request: DecoderRequest) => Decoder>> = {
  center: decodeCentre,
  corners: decodeCorners,
  "corners-top-first": decodeCornersTopFirst,
  yolox: decodeYolox,
  nanodet: decodeNanodet,
  "fastest-det": decodeFastestDet,
  ssd: decodeSsd,
  yolo: decodeYolo,
  "yolo-v3": decodeYolo,
  "yolo-v8": decodeYoloV8,
  "retina-face": decodeRetinaFace,
  "blaze-face": decodeBlazeFace,
  centernet: decodeCenternet,
};
