import { describe, expect, it } from "vitest";
import { isSameShape } from "../../src/image/placement";
import {
  type Attribution,
  boundingBox,
  controlHeatmaps,
  decodeImage,
  energyPointingGame,
  explain,
  gradCam,
  type Heatmap,
  heatmap,
  type ImageLike,
  loadModel,
  type Model,
  noiseTunnel,
  occlusion,
  overlay,
  placement,
  pointingGame,
  rise,
  saliency,
  segment,
  Tensor,
  toImage,
} from "../../src/index";
import { describeShared, readShared } from "../shared-folder";
import { scene } from "../trust/networks";

const fits = ["crop", "stretch", "pad"] as const;
type Fit = (typeof fits)[number];

/** A picture with another in it at a place, and a plain colour around. */
function around(picture: ImageLike, width: number, height: number, left: number, top: number): ImageLike {
  const channels = picture.data.length / (picture.width * picture.height);
  const data = new Uint8Array(width * height * 3).fill(128);
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      for (let c = 0; c < 3; c++) {
        data[((top + y) * width + left + x) * 3 + c] = picture.data[(y * picture.width + x) * channels + c];
      }
    }
  }
  return { data, width, height };
}

const load = (fit: Fit): Promise<Model> => loadModel(undefined, { preprocess: { fit } });

/** Where an overlay has colour that the picture does not have. */
function coloured(photo: ImageLike, drawn: ImageLike): { x: number; y: number }[] {
  const plain = overlay(
    photo,
    { data: new Float32Array(1), width: 1, height: 1, signed: false },
    { region: whole(photo) },
  );
  return [...Array(photo.width * photo.height).keys()]
    .filter((pixel) => [0, 1, 2].some((c) => drawn.data[pixel * 4 + c] !== plain.data[pixel * 4 + c]))
    .map((pixel) => ({ x: pixel % photo.width, y: Math.floor(pixel / photo.width) }));
}
const whole = ({ width, height }: ImageLike) => ({ x: 0, y: 0, width, height });

/** A map with one hot pixel of the network's input. */
const spot = (attribution: Attribution, x: number, y: number): Attribution => {
  const { width, height } = attribution.inputSize;
  const data = new Float32Array(width * height);
  data[y * width + x] = 1;
  return { ...attribution, method: "occlusion", layer: undefined, values: new Tensor(data, [1, height, width, 1]) };
};

describe("an attribution remembers where its picture lies", () => {
  for (const fit of fits) {
    for (const [width, height, left, top] of [
      [288, 96, 96, 0],
      [96, 240, 0, 72],
    ] as const) {
      it(`${fit}, ${width}×${height}: evidence stays on the pixels that it is of`, async () => {
        using model = await load(fit);
        const photo = around(await scene("scene-cat-00"), width, height, left, top);
        const attribution = await saliency(model, photo, { target: "cat" });
        const region = placement(photo, { width: 96, height: 96 }, fit);
        expect(attribution.placement).toEqual({
          fit,
          picture: { width, height },
          input: { width: 96, height: 96 },
          region,
        });
        // One pixel of the input, found again in the picture by the colour that the network is given for it.
        const [x, y] = [40, 52];
        const seen = [region.x + ((x + 0.5) * region.width) / 96, region.y + ((y + 0.5) * region.height) / 96];
        const marked = coloured(photo, overlay(photo, spot(attribution, x, y)));
        expect(marked.length).toBeGreaterThan(0);
        for (const at of marked) {
          expect(Math.abs(at.x + 0.5 - seen[0])).toBeLessThanOrEqual(Math.max(1, region.width / 96) + 0.5);
          expect(Math.abs(at.y + 0.5 - seen[1])).toBeLessThanOrEqual(Math.max(1, region.height / 96) + 0.5);
        }
        const box = boundingBox(spot(attribution, x, y));
        expect(Math.abs(box.x + box.width / 2 - seen[0])).toBeLessThanOrEqual(1);
        expect(Math.abs(box.y + box.height / 2 - seen[1])).toBeLessThanOrEqual(1);
        const game = pointingGame(spot(attribution, x, y), box, { tolerance: 0 });
        expect(game).toMatchObject({ hit: true, distance: 0 });
      });
    }
  }

  it("what the network did not see has no colour, no box and no mask", async () => {
    using model = await load("crop");
    const photo = around(await scene("scene-cat-00"), 288, 96, 96, 0);
    const attribution = await gradCam(model, photo, { target: "cat" });
    const map = heatmap(attribution);
    expect(map.placement).toEqual(attribution.placement);
    const [byItself, byMap] = [overlay(photo, attribution), overlay(photo, map)];
    expect(byItself).toEqual(byMap);
    const columns = coloured(photo, byItself).map(({ x }) => x);
    expect(Math.min(...columns)).toBeGreaterThanOrEqual(96);
    expect(Math.max(...columns)).toBeLessThan(192);
    const box = boundingBox(attribution);
    expect(box.x).toBeGreaterThanOrEqual(96);
    expect(box.x + box.width).toBeLessThanOrEqual(192);
    const mask = segment(photo, attribution);
    expect([mask.width, mask.height]).toEqual([288, 96]);
    expect(mask.data.some((inside, pixel) => inside === 1 && (pixel % 288 < 96 || pixel % 288 >= 192))).toBe(false);
    expect(mask.data.includes(1)).toBe(true);
  });

  it("every way a map is made keeps the place, and a Tensor has none", async () => {
    using model = await load("pad");
    const photo = around(await scene("scene-cat-00"), 192, 96, 48, 0);
    const place = (await saliency(model, photo)).placement;
    const few = { samples: 2, masks: 4, window: [48, 48] as const, stride: [48, 48] as const };
    const others = [
      await occlusion(model, photo, { window: few.window, stride: few.stride }),
      await rise(model, photo, { masks: few.masks }),
      await noiseTunnel(saliency, { samples: 2 })(model, photo),
    ];
    for (const other of others) expect(other.placement, other.method).toEqual(place);
    expect(structuredClone(place)).toEqual(place);
    const same = await saliency(model, model.preprocess(photo));
    expect(same.placement).toBeUndefined();
    expect("placement" in heatmap(same)).toBe(false);
    expect(controlHeatmaps(model, photo).edge.placement).toEqual(place);
  });

  it("the same photograph at another scale is fine, another one is not", async () => {
    using model = await load("crop");
    const photo = around(await scene("scene-cat-00"), 288, 96, 96, 0);
    const attribution = await gradCam(model, photo, { target: "cat" });
    const large = overlay({ data: new Uint8Array(577 * 192 * 3).fill(128), width: 577, height: 192 }, attribution);
    const columns = coloured({ data: new Uint8Array(577 * 192 * 3).fill(128), width: 577, height: 192 }, large);
    expect(Math.min(...columns.map(({ x }) => x))).toBeGreaterThanOrEqual(191);
    const square = { data: new Uint8Array(96 * 96 * 3), width: 96, height: 96 };
    for (const refuse of [overlay, segment]) {
      expect(() => refuse(square, attribution)).toThrow(
        "The picture that was explained is 288×96, this one is 96×96, which is not the same at another scale.",
      );
      expect(() => refuse(square, heatmap(attribution))).toThrow("Pass the picture that was explained");
    }
    // Who knows better says so.
    expect(overlay(square, attribution, { region: whole(square) }).width).toBe(96);
  });

  it("a map without a place covers a picture of its own shape and is never stretched over another", () => {
    const map: Heatmap = { data: new Float32Array(16).fill(1), width: 4, height: 4, signed: false };
    const grey = (width: number, height: number): ImageLike => ({
      data: new Uint8Array(width * height),
      width,
      height,
    });
    expect(overlay(grey(8, 8), map).width).toBe(8);
    for (const [width, height] of [
      [8, 4],
      [5, 4],
      [300, 200],
      [640, 600],
    ] as const) {
      expect(() => overlay(grey(width, height), map)).toThrow(
        `The map is 4×4 and does not know its place in a picture of ${width}×${height}, which has another shape`,
      );
      expect(() => overlay(grey(width, height), map)).toThrow('placement(picture, { width: 4, height: 4 }, "crop")');
      const region = placement(grey(width, height), map, "pad");
      expect(overlay(grey(width, height), map, { region }).width).toBe(width);
    }
  });
});

describe("the same at another scale", () => {
  it("forgives what rounding to whole pixels does, and no more", () => {
    const photo = { width: 4032, height: 3024 };
    for (const [width, height] of [
      [1000, 750],
      [999, 749],
      [333, 250],
      [33, 25],
    ]) {
      expect(isSameShape(photo, { width, height }), `${width}×${height}`).toBe(true);
    }
    for (const [width, height] of [
      [3024, 4032],
      [1000, 760],
      [1024, 1024],
      [3, 2],
    ]) {
      expect(isSameShape({ width, height }, photo), `${width}×${height}`).toBe(false);
    }
  });
});

describe("regions of the picture", () => {
  it("a mask of the picture and one of the input are the same object", async () => {
    using model = await load("pad");
    const photo = around(await scene("scene-cat-00"), 192, 96, 48, 0);
    const attribution = await gradCam(model, photo, { target: "cat" });
    const box = { x: 60, y: 10, width: 40, height: 60 };
    const within = (x: number, y: number): boolean => x >= 60 && x < 100 && y >= 10 && y < 70;
    const mask = Uint8Array.from({ length: 192 * 96 }, (_, i) => Number(within(i % 192, Math.floor(i / 192))));
    // Of 'pad' a pixel of the input is two of the picture, and 24 rows above and below show nothing.
    const inInput = Uint8Array.from({ length: 96 * 96 }, (_, i) =>
      Number(within(2 * (i % 96) + 1, 2 * (Math.floor(i / 96) - 24) + 1)),
    );
    const expected = energyPointingGame(attribution, box);
    expect(expected.area).toBeCloseTo((20 * 30) / 96 ** 2, 12);
    expect(energyPointingGame(attribution, mask)).toEqual(expected);
    expect(energyPointingGame(attribution, { data: inInput, width: 96, height: 96 })).toEqual(expected);
    expect(() => energyPointingGame(attribution, new Uint8Array(7))).toThrow(
      "The mask is 7 bytes: it takes one byte per pixel of the picture, 96×192, or of the network's input, 96×96.",
    );
    expect(() => energyPointingGame(attribution, { x: 500, y: 0, width: 9, height: 9 })).toThrow(
      "of the picture's 192×96 pixels the network saw x 0 to 192, y -48 to 144",
    );
    // Too small for the centre of a pixel.
    expect(energyPointingGame(attribution, { x: 50, y: 10, width: 0.5, height: 0.5 }).area).toBeCloseTo(
      1 / 96 ** 2,
      12,
    );
  });
});

describe("what the network is given", () => {
  it("is the input's tensor, and toImage makes the picture again", async () => {
    using model = await load("crop");
    const cat = await scene("scene-cat-00");
    const photo = around(cat, 288, 96, 96, 0);
    const given = model.preprocess(photo);
    expect(given.shape).toEqual(model.input.shape);
    expect(await model.predict(given)).toEqual(await model.predict(photo));
    const channels = cat.data.length / 96 ** 2;
    const { data } = toImage(model, given);
    for (let pixel = 0; pixel < 96 * 96; pixel++) {
      for (let c = 0; c < 3; c++) expect(data[pixel * 4 + c]).toBe(cat.data[pixel * channels + c]);
    }
  });

  it("an overlay has data that ImageData takes, and an address that an img takes", async () => {
    using model = await load("crop");
    const photo = around(await scene("scene-cat-00"), 288, 96, 96, 0);
    const attribution = await gradCam(model, photo, { target: "cat" });
    const { data } = overlay(photo, attribution);
    const owned: Uint8ClampedArray<ArrayBuffer> = data;
    expect(owned).toBeInstanceOf(Uint8ClampedArray);
    const url = await attribution.toDataURL(photo, { opacity: 0.5 });
    expect(url).toMatch(/^data:image\/png;base64,/);
    const bytes = Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (character) => character.charCodeAt(0));
    expect(Array.from((await decodeImage(bytes)).data)).toEqual(
      Array.from(overlay(photo, attribution, { opacity: 0.5 }).data),
    );
    expect(Object.keys(attribution)).not.toContain("toDataURL");
    // A note about an option that the method does not read is added afterwards.
    const noted = await explain(model, photo, { method: "saliency", masks: 4 });
    expect(await noted.toDataURL(photo)).toMatch(/^data:image\/png;base64,/);
    await expect(attribution.toDataURL({ data: new Uint8Array(3), width: 1, height: 1 })).rejects.toThrow(
      "The picture that was explained is 288×96",
    );
  });
});

describeShared("boxes lie inside the picture", () => {
  const folder = "cases/box-outside-picture";
  const boxes = async (file: string, fit: Fit) => {
    using model = await loadModel(readShared(`${folder}/model.onnx`), { preprocess: { range: [0, 1], fit } });
    const photo = await decodeImage(readShared(`${folder}/${file}`));
    const attribution = await occlusion(model, photo, { target: 0 });
    const { width, height } = attribution.inputSize;
    const pixelwise = { smooth: 0.02 * Math.min(width, height), percentile: 99 };
    return boundingBox(heatmap(attribution, pixelwise));
  };

  it("wide.png, padded: x 275–400, y 0–43", async () => {
    expect(await boxes("wide.png", "pad")).toEqual({ x: 275, y: 0, width: 125, height: 43 });
  });

  for (const fit of ["crop", "stretch"] as const) {
    it(`tall.png, ${fit}: x 83–120`, async () => {
      expect(await boxes("tall.png", fit)).toMatchObject({ x: 83, width: 37 });
    });
  }
});
