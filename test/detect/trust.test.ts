/** How far the evidence of a box can be trusted: its share inside, a control, and the judgements of maps. */
import { describe, expect, it } from "vitest";
import { sharesOfBox } from "../../src/attribution/box-evidence";
import { finishAttribution } from "../../src/attribution/finish";
import {
  boxEvidence,
  deletionInsertion,
  detect,
  dRise,
  energyPointingGame,
  hiResCam,
  loadModel,
  pointingGame,
  saliency,
  Tensor,
} from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { yoloV8 } from "./networks";

const noted = (notes: readonly { code: string; message: string }[]): string =>
  notes.find(({ code }) => code === "box-evidence")?.message ?? "";

describe("the evidence of a box", () => {
  it("is counted inside, whatever grid it is on, beside the fullest box of the size elsewhere", () => {
    const data = new Float32Array(8 * 8);
    data[0] = 6; // inside
    data[9] = -50; // speaks against
    data[63] = 3; // outside, in one corner
    data[56] = 1;
    const values = new Tensor(data, [1, 8, 8, 1]);
    const inputSize = { width: 80, height: 80 };
    const box = { x: 0, y: 0, width: 20, height: 20 };
    const about = { method: "occlusion", values, inputSize };
    const fullest = { share: 0.3, box: { x: 60, y: 60, width: 20, height: 20 } };
    expect(sharesOfBox({ box }, about)).toEqual({ total: 10, inside: 0.6, near: 0.6, area: 1 / 16, control: fullest });
    // From 8 to 48 and from 0 to 40: a fifth of the cell.
    expect(sharesOfBox({ box: { ...box, x: 18, y: 10 } }, about)?.near).toBeCloseTo(0.12, 9);
    // Half of the cell.
    expect(sharesOfBox({ box: { ...box, x: 5 } }, about)?.inside).toBeCloseTo(0.3, 9);
    // Magnitudes count of a gradient.
    expect(sharesOfBox({ box }, { ...about, method: "saliency" })?.inside).toBeCloseTo(56 / 60, 9);
    // In pixels of the picture: twice as large, and padded by 40 above and below.
    const placement = {
      fit: "pad",
      picture: { width: 160, height: 80 },
      input: inputSize,
      region: { x: 0, y: -40, width: 160, height: 160 },
    } as const;
    const placed = { box: { x: 0, y: -40, width: 40, height: 40 }, placement };
    expect(sharesOfBox(placed, about)?.inside).toBe(0.6);
    // Nothing of the size fits beside a box of everything, and of nothing there are no shares.
    const all = { box: { x: 0, y: 0, width: 80, height: 80 } };
    expect(sharesOfBox(all, about)).toEqual({ total: 10, inside: 1, near: 1, area: 1 });
    const nothing = { ...about, values: new Tensor(new Float32Array(64), [1, 8, 8, 1]) };
    expect(sharesOfBox({ box }, nothing)).toEqual({ total: 0, inside: 0, near: 0, area: 1 / 16 });
    // Another box that was found, without what both cover; those of the same object are none.
    const other = { box: { x: 0, y: 50, width: 20, height: 30 } };
    const same = { box: { x: 2, y: 2, width: 20, height: 20 } };
    expect(sharesOfBox({ box }, about, [{ box }, same, other])?.control).toEqual({
      share: 0.1,
      box: other.box,
      other: 2,
    });
    const meeting = { box: { x: 0, y: 0, width: 80, height: 60 } };
    const touching = { box: { x: -20, y: 0, width: 25, height: 20 } };
    expect(sharesOfBox({ box }, about, [touching])?.control).toEqual({ share: 0, box: touching.box, other: 0 });
    const wide = { box: { x: 0, y: 50, width: 80, height: 30 } };
    expect(sharesOfBox(wide, about, [meeting])?.control?.share).toBeCloseTo(0.6, 9);
    expect(sharesOfBox(wide, about, [{ box: { x: 0, y: 55, width: 80, height: 30 } }])?.control?.other).toBeUndefined();
    expect(sharesOfBox(placed, about, [{ box: { x: 120, y: 80, width: 40, height: 40 } }])?.control?.share).toBe(0.3);
  });

  it("is told beside another box that was found, in pixels of the picture", async () => {
    const model = await loadModel(yoloV8(0), { preprocess: { fit: "pad" } });
    const photo = { data: new Uint8Array(128 * 96 * 3).map((_, i) => (i * 37) % 256), width: 128, height: 96 };
    const found = await detect(model, photo, { threshold: 0, iou: 0.1 });
    const evidence = await hiResCam(model, photo, { target: { detection: found[0] } });
    const alone = boxEvidence(evidence, found[0]);
    const beside = boxEvidence(evidence, found[0], found);
    expect(beside.inside).toBe(alone.inside);
    expect(beside.method).toBe("hi-res-cam");
    expect(noted(evidence.notes)).toContain(`${Math.round(100 * alone.inside)} % of what speaks for it`);
    expect(noted(evidence.notes)).toContain(`at most ${Math.round(100 * (alone.control?.share ?? 0))} %`);
    expect(alone.control?.detection).toBeUndefined();
    expect(alone.control?.box.width).toBeCloseTo(found[0].box.width, 3);
    expect(found).toContain(beside.control?.detection);
    expect(beside.control?.detection).not.toBe(found[0]);
    for (const other of found.slice(1)) {
      const one = boxEvidence(evidence, found[0], [other]).control;
      if (one?.detection) expect(one.share).toBeLessThanOrEqual(beside.control?.share ?? 0);
    }
    expect(() => boxEvidence(evidence, found[0], found[1] as never)).toThrow(
      /others is a list of detections, got an object/,
    );
    expect(() => boxEvidence(evidence, found[0].box as never)).toThrow(
      /\{ box: \{ x, y, width, height \} \}; detection is/,
    );
    expect(() => boxEvidence(found[0] as never, found[0])).toThrow(/must be an Attribution/);
  });

  it("is in a note of every method, and maps of a box are judged by its score", async () => {
    const model = await loadModel(yoloV8(0), { preprocess: { fit: "pad" } });
    const photo = { data: new Uint8Array(64 * 48 * 3).map((_, i) => (i * 37) % 256), width: 64, height: 48 };
    const [detection] = await detect(model, photo, { threshold: 0 });
    const found = await saliency(model, photo, { target: { detection } });
    expect(noted(found.notes)).toMatch(/^\d+ % of what speaks for it lies inside the box/);
    // Drawn by hand: large enough for every candidate to overlap it.
    const drawn = { box: { x: -8, y: -16, width: 40, height: 40 }, index: detection.index };
    const masked = await dRise(model, photo, { detection: drawn, masks: 8, grid: 4 });
    const { energy } = energyPointingGame(masked, drawn.box);
    expect(Math.abs(Number.parseInt(noted(masked.notes), 10) - 100 * energy)).toBeLessThan(12);
    const { notes } = await saliency(model, photo, { target: { position: 0, channel: 4 } });
    expect(noted(notes)).toBe("");
    const judged = await deletionInsertion(model, photo, found, { step: 16, controls: false });
    expect(judged.target.score).toBeCloseTo(found.target.score, 4);
    expect(judged.deletion.auc).not.toBe(judged.insertion.auc);
    expect(pointingGame(found, detection.box).hit).toEqual(expect.any(Boolean));
  });
});

describe("a map that is no evidence", () => {
  it("has no share of it inside the box", async () => {
    const model = await loadModel(yoloV8(0));
    const photo = { data: new Uint8Array(64 * 64 * 3).map((_, i) => (i * 37) % 256), width: 64, height: 64 };
    const [detection] = await detect(model, photo, { threshold: 0 });
    const target = { detection };
    // Every place has the same: only differences between places count of this method.
    const flat = await finishAttribution(loaded(model), photo, {
      method: "rise",
      target: { index: 0, score: 1 },
      values: new Tensor(new Float32Array(64).fill(0.5), [1, 8, 8, 1]),
      relative: true,
      options: { target },
    });
    expect(flat.notes.map(({ code }) => code)).toContain("flat-map");
    expect(noted(flat.notes)).toBe("");
  });
});
