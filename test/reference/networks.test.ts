import * as ort from "onnxruntime-node";
import { expect, it } from "vitest";
import {
  boundingBox,
  decodeImage,
  gradCam,
  heatmap,
  type ImageLike,
  loadModel,
  type Preprocess,
  preprocess,
  saliency,
  Tensor,
} from "../../src/index";
import { describeShared, readShared, readSharedJson, sharedPath } from "../shared-folder";
import { difference } from "./goldens";

interface Network {
  readonly file: string;
  /** N, C, H, W. */
  readonly shape: readonly [number, number, number, number];
  readonly preprocess?: Preprocess;
}

const imageNet: Preprocess = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const centred: Preprocess = { mean: [0.5], std: [0.5] };

const networks: readonly Network[] = [
  {
    file: "squeezenet1.0-dc-imagenet",
    shape: [1, 3, 227, 227],
    preprocess: { range: [0, 255], mean: [123, 117, 104] },
  },
  { file: "resnet20-cifar10-bn", shape: [1, 3, 32, 32], preprocess: imageNet },
  { file: "resnet20-cifar10-bn-rawexport", shape: [1, 3, 32, 32], preprocess: imageNet },
  { file: "lenet5-mnist", shape: [1, 1, 32, 32] },
  { file: "mediapipe-selfie-segmentation-256", shape: [1, 3, 256, 256] },
  { file: "ppocr-mobile-v2-cls", shape: [1, 3, 48, 192], preprocess: centred },
  { file: "mobilenet-v1-0.5-160-imagenet", shape: [1, 3, 160, 160], preprocess: centred },
  { file: "mobilenet-v2-1.0-224-imagenet", shape: [1, 3, 224, 224], preprocess: centred },
  { file: "digit-dcgan-generator-bn", shape: [1, 64, 1, 1] },
  { file: "enet-camvid-maxunpool-bn", shape: [1, 3, 360, 480] },
  { file: "ppocrv4-det-dbnet", shape: [1, 3, 320, 320], preprocess: imageNet },
  { file: "deeplabv3-mnv2-0.5-pascal-513", shape: [1, 3, 513, 513], preprocess: centred },
];

/** Dark strokes on white in lines: what a text network takes for text. Without any, its probabilities are all below 1e-6. */
function page(side: number): ImageLike {
  const data = new Uint8Array(side * side * 3).fill(250);
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [Math.floor(i / 3) % side, Math.floor(i / 3 / side)];
    const [column, row] = [x % 13, y % 45];
    const stroke = [column < 2, Math.abs(column - row / 2) < 1.5, row > 15 && row < 19][
      Math.floor(x / 13 + y / 45) % 3
    ];
    if (row < 19 && column < 10 && stroke) data[i] = 20;
  }
  return { data, width: side, height: side };
}

const picture = (name: string): Promise<ImageLike> => decodeImage(readShared(`images/${name}.png`));

describeShared("all networks agree with onnxruntime to 1e-4 of the largest output, and can be explained", () => {
  for (const { file, shape, preprocess: how } of networks) {
    it(file, async () => {
      const bytes = readShared(`models/${file}.onnx`);
      const [, channels, height, width] = shape;
      const photo = file.startsWith("ppocr") ? page(320) : await picture("samoyed");
      const input =
        height === 1
          ? new Tensor(
              Float32Array.from({ length: channels }, (_, i) => Math.sin(i * 12.9898) * 1.5),
              [1, 1, 1, channels],
            )
          : preprocess(photo, { height, width, channels }, how);
      const session = await ort.InferenceSession.create(bytes, {
        graphOptimizationLevel: "disabled",
        logSeverityLevel: 4,
      });
      const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", input.toNCHW(), shape) };
      const expected = (await session.run(feeds))[session.outputNames[0]];
      using model = await loadModel(bytes, { inputShape: shape });
      const { output } = await model.run(input);
      const values = output.shape.length === 4 ? output.toNCHW() : output.data;
      expect(difference(values, expected.data as Float32Array).max).toBeLessThan(1e-4);

      // Each goes backwards too, down to its input.
      const { values: gradient } = await saliency(model, input);
      expect(gradient.shape).toEqual([1, height, width, channels]);
      expect(gradient.data.every(Number.isFinite)).toBe(true);
      expect(gradient.data.some((value) => value !== 0)).toBe(true);
    });
  }
});

interface Photo {
  readonly objects: readonly { readonly name: string; readonly box: readonly [number, number, number, number] }[];
  readonly accepted_imagenet_labels?: readonly string[];
  readonly gradcam_baseline?: Readonly<
    Record<string, { readonly label: string; readonly squeezenet_fire9: readonly [boolean, number, number] }>
  >;
}

/** The 227×227 pixels around the centre, exactly. */
function centre({ data, width }: ImageLike): ImageLike {
  const channels = data.length / (width * width);
  const [side, offset] = [227, 14];
  const out = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const [x, y] = [offset + (pixel % side), offset + Math.floor(pixel / side)];
    return data[(y * width + x) * channels + (i % 3)];
  });
  return { data: out, width: side, height: side };
}

describeShared("SqueezeNet on photographs", () => {
  it("names them as people do, and Grad-CAM's peak lies in the hand-made box as often as the reference's", async () => {
    const { photos } = readSharedJson<{ photos: Readonly<Record<string, Photo>> }>("images/photos.json");
    const labels = readSharedJson<string[]>("models/imagenet1000_labels.json");
    const model = await loadModel(sharedPath("models/squeezenet1.0-dc-imagenet.onnx"), {
      labels,
      preprocess: { range: [0, 255], mean: [123, 117, 104] },
    });
    let [hits, baselineHits, named] = [0, 0, 0];
    for (const [name, { objects, accepted_imagenet_labels: accepted, gradcam_baseline: baseline }] of Object.entries(
      photos,
    )) {
      const image = centre(await picture(name));
      if (accepted && accepted.length > 0 && objects.length === 1) {
        const [best] = await model.predict(image, { top: 1 });
        const first = (best.label as string).split(",")[0];
        expect(
          accepted.map((label) => label.split(",")[0]),
          name,
        ).toContain(first);
        named++;
      }
      for (const [objectName, { label, squeezenet_fire9 }] of Object.entries(baseline ?? {})) {
        const object = objects.find((candidate) => candidate.name === objectName);
        if (!object) continue;
        const attribution = await gradCam(model, image, { target: label, layer: "/fire9/Concat_output_0", relu: true });
        const map = heatmap(attribution);
        const peak = map.data.indexOf(Math.max(...map.data));
        const [x, y] = [14 + (peak % 227), 14 + Math.floor(peak / 227)];
        const [x0, y0, x1, y1] = object.box;
        hits += Number(x >= x0 && x < x1 && y >= y0 && y < y1);
        baselineHits += Number(squeezenet_fire9[0]);
        expect(boundingBox(map).width).toBeGreaterThan(0);
      }
    }
    console.log(
      `${named} photographs named; Grad-CAM peak inside the box ${hits} times, reference ${baselineHits} times`,
    );
    expect(named).toBeGreaterThan(8);
    expect(baselineHits).toBeGreaterThan(8);
    expect(hits).toBeGreaterThanOrEqual(baselineHits);
  });
});
