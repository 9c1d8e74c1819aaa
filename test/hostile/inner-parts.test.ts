/** What is handed on from one call to the next, with an inner part that is missing or turns in circles. */
import { expect, it } from "vitest";
import {
  audit,
  averageDrop,
  boxEvidence,
  convolutionOnnx,
  deepLiftShap,
  drawDetections,
  gradCam,
  htmlReport,
  increaseInConfidence,
  integratedGradients,
  loadModel,
  mergeAudits,
  mergeTopActivations,
  SeethroughError,
  sideBySide,
  sparseness,
  Tensor,
  type TopActivations,
  topActivations,
  unitSummary,
} from "../../src/index";

const image = { data: new Uint8Array(96 * 96 * 3).map((_, i) => (i * 7) % 256), width: 96, height: 96 };
const model = await loadModel();
const map = await gradCam(model, image);
const found = await topActivations(model, [{ id: "one", image }], { layer: "relu6", unit: 0 });
const circle: { again?: unknown } = {};
circle.again = circle;
const audited = await audit(model, [{ id: "one", image }], { grid: 2 });
const detached = new Float32Array(4);
structuredClone(detached, { transfer: [detached.buffer] });
const damaged = (parts: object) => ({ ...map, ...parts });
const recipe = (parts: object) => damaged({ recipe: { ...map.recipe, ...parts } });
const box = { x: 0, y: 0, width: 9, height: 9 };

const calls: Readonly<Record<string, () => unknown>> = {
  "a report of what has no recipe": () => htmlReport([map, damaged({ recipe: undefined })]),
  "reports of a recipe without the model's hash": () => htmlReport([map, recipe({ modelHash: undefined })] as never),
  "reports of a hash that is none": () => htmlReport([recipe({ modelHash: {} }), map] as never),
  "a judgement of a recipe with detached numbers": () =>
    increaseInConfidence(model, image, recipe({ seed: detached }) as never),
  "a judgement of detached values": () => sparseness({ data: detached, width: 2, height: 2 } as never),
  "a report of a recipe in circles": () => htmlReport(recipe({ arithmetic: circle }) as never),
  "a judgement of what has no recipe": () => increaseInConfidence(model, image, damaged({ recipe: 5 }) as never),
  "a judgement of a recipe in circles": () => averageDrop(model, image, recipe({ method: circle }) as never),
  "results with a failure that is none": () => mergeTopActivations({ ...found, failures: [undefined] } as never),
  "a failure without its message": () => mergeTopActivations({ ...found, failures: [{ id: "a" }] } as never),
  "a summary of units that nobody searched": () => unitSummary({ ...found, search: undefined } as never, 1),
  "a summary of a search of no units": () => unitSummary({ ...found, search: { layer: "relu6" } } as never, 1),
  "a summary of hits that are none": () =>
    unitSummary({ ...found, units: [{ unit: 0, top: [], sample: 5 }] } as never, 0),
  "a summary of a hit without its score": () =>
    unitSummary({ ...found, units: [{ unit: 0, top: [], sample: [{ id: "a" }] }] } as never, 0),
  "a rule of quadrature that has no text": () =>
    integratedGradients(model, image, { rule: Object.create(null), nSteps: 2 }),
  "a rule that has no text beside steps that are none": () =>
    integratedGradients(model, image, { rule: Object.create(null), nSteps: 1.5 }),
  "a weight whose name has no text": () =>
    loadModel({
      "model.json": new TextEncoder().encode(
        JSON.stringify({
          format: "graph-model",
          modelTopology: { node: [{ name: "x", op: "Placeholder" }] },
          weightsManifest: [
            { paths: ["a.bin"], weights: [{ name: { toString: 1, valueOf: 1 }, shape: [1], dtype: "float32" }] },
          ],
        }),
      ),
      "a.bin": new Uint8Array(4),
    }),
  "an audit of a picture whose label has no text": () =>
    mergeAudits({ ...audited, images: audited.images.map((each) => ({ ...each, label: { toString: 1 } })) } as never),
  "an audit of a fit that has no text": () =>
    mergeAudits({
      ...audited,
      audit: { ...audited.audit, input: { ...audited.audit.input, fit: { toString: 1, valueOf: 1 } } },
    } as never),
  "a box whose label has no text": () => drawDetections(image, [{ box, label: Object.create(null) }]),
  "pictures whose iterator is no function": () =>
    topActivations(model, { [Symbol.iterator]: 5 } as never, { layer: "relu6", unit: 0 }),
  "pictures whose iterator is none": () =>
    topActivations(model, { [Symbol.iterator]: () => 5 } as never, { layer: "relu6", unit: 0 }),
  "pictures whose iterator takes no steps": () =>
    topActivations(model, { [Symbol.iterator]: () => ({ next: () => 5 }) } as never, { layer: "relu6", unit: 0 }),
  "detached numbers in the place of pictures": () =>
    topActivations(model, detached as never, { layer: "relu6", unit: 0 }),
  "a list of boxes with a hole": () => drawDetections(image, Object.assign(new Array(3), { 0: { box } })),
  "baselines with a hole": () =>
    deepLiftShap(model, image, { baselines: Object.assign(new Array(3), { 0: "black", 2: "white" }) }),
  "a box whose score is none": () => drawDetections(image, [{ box, label: "cat", score: Symbol("s") as never }]),
  "pictures with one missing": () => sideBySide([image, undefined] as never),
  "a placement that is a number": () => boxEvidence(damaged({ placement: 5 }) as never, { box }),
  "a placement of the box that is a number": () => boxEvidence(map, { box, placement: 5 } as never),
  "an extent beyond all files": () =>
    convolutionOnnx({ weight: new Tensor(new Float32Array(3), [1, 1, 3]), inputShape: [1, 1, 2 ** 40] }),
};

it.each(Object.keys(calls))("%s is refused as such", async (name) => {
  const error = await Promise.resolve()
    .then(calls[name])
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SeethroughError);
  expect((error as Error).name).not.toBe("InternalError");
});

it("what is whole is taken", async () => {
  const whole: TopActivations = { ...found, failures: [{ id: "a", message: "torn" }] };
  expect(mergeTopActivations(whole).failures).toHaveLength(1);
  expect(boxEvidence(map, { box }).inside).toBeGreaterThan(0);
  expect(htmlReport([map])).toContain("Grad-CAM");
  expect(unitSummary(found, 0).top).toHaveLength(1);
});
