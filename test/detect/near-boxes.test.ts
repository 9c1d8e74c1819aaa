/**
 * Where the evidence of real detectors' boxes lies: of each network, photograph, box and method the share of what speaks for the box within
 * twice the box, printed as a table. The table of docs/detectors.md says the same in words.
 */
import { afterAll, expect, it } from "vitest";
import { boxEvidence, decodeImage, detect, explain, hiResCam, loadModel, type MethodName } from "../../src/index";
import { describeShared, readShared } from "../shared-folder";
import { nearBox } from "./near-box";

const reach = "every pixel in sight of the place has some gradient, and most of them are outside of a small box";
const coarse =
  "a map weighed as a whole is spread over all places that the score sees, which is more than twice such a box";

/** Below which size of box a method is not claimed to be near it, and why. */
const claims: Readonly<
  Partial<Record<MethodName, readonly [least: "any" | "two places" | "a sixth", reason?: string]>>
> = {
  "hi-res-cam": ["any"],
  "layer-cam": ["any"],
  "recipro-cam": ["any"],
  "guided-grad-cam": ["any"],
  lrp: ["any"],
  "grad-cam": ["two places", coarse],
  "grad-cam-plus-plus": ["two places", coarse],
  "x-grad-cam": ["two places", coarse],
  "score-cam": ["two places", coarse],
  "ablation-cam": ["two places", coarse],
  "eigen-cam": ["two places", coarse],
  "excitation-backprop": ["two places", "what it hands on to a place spreads over all that the place sees"],
  saliency: ["a sixth", reach],
  "input-x-gradient": ["a sixth", reach],
  "integrated-gradients": ["a sixth", reach],
  "deep-lift": ["a sixth", reach],
  "guided-backprop": ["a sixth", reach],
  "full-grad": ["a sixth", reach],
  deconvnet: ["a sixth", reach],
  occlusion: ["a sixth", "its patches are wider than the box"],
};

const files = {
  FastestDet: {
    file: "models/deployed/FastestDet.onnx",
    preprocess: { channels: "bgr" },
    // The best box is a large one.
    photos: { pets: [0], camera: [1, 2], admiral: [1] },
    threshold: 0.49,
  },
  UltraFace: {
    file: "models/deployed/version-RFB-320.onnx",
    preprocess: { range: [0, 255], mean: 127, std: 128 },
    photos: { camera: [0], grid4_cat_samoyed_camera_dragonfly: [0] },
    threshold: 0.6,
  },
} as const;

const table: string[] = [];

describeShared("evidence near the box", () => {
  afterAll(() => console.log(table.join("\n")));
  const cases = Object.entries(files).flatMap(([name, each]) =>
    Object.entries(each.photos).map(([photo, boxes]) => ({ name, photo, boxes, each })),
  );
  it.each(cases)("$name on $photo", async ({ name, photo, boxes, each: { file, preprocess, threshold } }) => {
    const model = await loadModel(readShared(file), { preprocess: { ...preprocess, fit: "stretch" } });
    const picture = await decodeImage(readShared(`images/${photo}.png`));
    const found = await detect(model, picture, { threshold });
    for (const detection of boxes.map((i) => found[i])) {
      const { width, height } = detection.box;
      const [, rows, columns] = (await hiResCam(model, picture, { target: { detection } })).values.shape;
      const reached = {
        any: true,
        "two places": Math.min((width * columns) / picture.width, (height * rows) / picture.height) >= 2,
        "a sixth": Math.min(width / picture.width, height / picture.height) >= 1 / 6,
      };
      const shares: string[] = [];
      for (const [method, [least]] of Object.entries(claims)) {
        // Minutes of passes for what is not claimed.
        if (method === "occlusion" && !reached[least]) continue;
        const few = method === "integrated-gradients" ? { nSteps: 8 } : {};
        const options = { method: method as MethodName, target: { detection }, ...few };
        const evidence = await explain(model, picture, options);
        const share = nearBox(evidence, detection);
        shares.push(`${method} ${share.toFixed(2)}${reached[least] ? "" : "*"}`);
        const about = `${method} of ${name} on ${photo}, a box of ${width.toFixed(0)}×${height.toFixed(0)}`;
        if (reached[least]) expect(share, about).toBeGreaterThan(0.5);
        // Where it lies elsewhere, the explanation says so itself.
        const noted = evidence.notes.some(({ code }) => code === "evidence-beside-box");
        if (Math.abs(share - 0.5) > 0.02) expect(noted, about).toBe(share < 0.5);
        expect(boxEvidence(evidence, detection).inside).toBeLessThanOrEqual(share + 1e-3);
      }
      table.push(`${name}, ${photo}, ${width.toFixed(0)}×${height.toFixed(0)}: ${shares.join(", ")}`);
    }
  });

  it("where it is not claimed a reason is told", () => {
    const reasons = Object.entries(claims).flatMap(([method, [least, reason]]) =>
      least === "any"
        ? []
        : [`* ${method}, boxes below ${least} of the ${least === "a sixth" ? "picture" : "map"}: ${reason}`],
    );
    table.push(...reasons, "rise, d-rise, lime, kernel-shap: not run, their noise falls with thousands of passes");
    expect(reasons).toHaveLength(Object.keys(claims).length - 5);
    for (const reason of reasons) expect(reason).not.toContain("undefined");
  });
});
