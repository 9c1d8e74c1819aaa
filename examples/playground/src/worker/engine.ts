import { expose, transfer } from "comlink";
import {
  type AscentStep,
  type Attribution,
  colormapNames,
  detect,
  encodeNpy,
  encodePng,
  explain,
  heatmap,
  heatmapImage,
  type ImageLike,
  type Model,
  maximizeActivation,
  overlay,
  projectActivation,
  type Tensor,
  toImage,
  version,
} from "seethrough";
import { asJob, cancelJob } from "./jobs";
import { methodCards } from "./method-cards";
import { describe, isDetector, isMask, maskOf, networkInput, openNetwork, outputMap, winnersOf } from "./network";
import {
  areaOf,
  canvasOf,
  channelPicture,
  classColour,
  classPicture,
  cut,
  displayed,
  nobody,
  signedPicture,
  strengthPicture,
  toPicture,
} from "./pictures";
import type {
  Answers,
  AscentFrame,
  AscentRequest,
  AscentResult,
  Catalogue,
  Download,
  ExplainRequest,
  Explanation,
  FeatureMaps,
  Look,
  MapOrder,
  NetworkInfo,
  NetworkSource,
  OpenedImage,
  Picture,
  ProjectedUnit,
  ProjectRequest,
  Settings,
} from "./protocol";
import { readImage } from "./read-image";
import { Results } from "./results";

/** Shown values: one pixel in a hundred may be stronger than the strongest colour, so that outliers do not hide the rest. */
const shownPercentile = 99;
/** More boxes than these would hide the picture. */
const mostBoxes = 30;
/** Frames of an ascent come at most so often. */
const frameMilliseconds = 60;

/** Everything that computes: one network, one picture, and the results made from them. */
class Engine {
  #model: Model | undefined;
  #settings: Settings = {};
  #image: ImageLike | undefined;
  #display: Picture | undefined;
  #winners: Uint16Array | undefined;
  #captured: { readonly layer: string; readonly values: Tensor } | undefined;
  #networksAsked = 0;
  #imagesAsked = 0;
  readonly #results = new Results();

  catalogue(): Catalogue {
    return { version, methods: methodCards(), colormaps: colormapNames };
  }

  cancel(job: number): void {
    cancelJob(job);
  }

  async openNetwork(source: NetworkSource, settings: Settings): Promise<NetworkInfo> {
    this.#networksAsked += 1;
    const asked = this.#networksAsked;
    const model = await openNetwork(source, settings);
    if (asked !== this.#networksAsked) {
      // Another one was asked for while this one was read.
      model.dispose();
      throw overtaken();
    }
    const info = describe(model);
    this.#model?.dispose();
    this.#model = model;
    this.#settings = settings;
    this.#forget();
    return info;
  }

  async openImage(file: Blob): Promise<OpenedImage> {
    this.#imagesAsked += 1;
    const asked = this.#imagesAsked;
    const image = await readImage(file);
    if (asked !== this.#imagesAsked) throw overtaken();
    const display = displayed(image);
    this.#image = image;
    this.#display = display;
    this.#forget();
    return { picture: display, width: image.width, height: image.height };
  }

  async predict(): Promise<Answers> {
    const { model, image } = this.#both();
    const started = performance.now();
    if (isDetector(model)) {
      const boxes = await detect(model, image, { top: mostBoxes });
      return { predictions: [], boxes, milliseconds: performance.now() - started };
    }
    const predictions = await model.predict(image, { top: 10 });
    const milliseconds = performance.now() - started;
    const map = outputMap(model);
    if (!map) return { predictions, milliseconds };
    const { activations } = await model.run(image, { capture: [model.output.name] });
    const winners = winnersOf(activations.get(model.output.name) as Tensor);
    this.#winners = winners;
    const picture = classPicture(winners, map.width, map.height);
    const places = new Map<number, number>();
    for (const winner of winners) if (winner !== nobody) places.set(winner, (places.get(winner) ?? 0) + 1);
    const present = [...places]
      .sort(([, a], [, b]) => b - a)
      .map(([index, count]) => ({ index, colour: classColour(index), share: count / winners.length }));
    return { predictions, milliseconds, map: { picture, winners, present } };
  }

  async explain(
    job: number,
    { target, window, stride, ...request }: ExplainRequest,
    onProgress: (done: number, total: number) => void,
  ): Promise<Explanation> {
    const { model, image } = this.#both();
    return asJob(job, async (signal) => {
      const started = performance.now();
      const attribution = await explain(model, image, {
        ...request,
        ...(window && { window: [window, window] }),
        ...(stride && { stride: [stride, stride] }),
        target: isMask(target) ? maskOf(target, this.#winners) : target,
        signal,
        onProgress,
      });
      const milliseconds = performance.now() - started;
      const places = attribution.values.shape.length >= 3;
      const { method, layer, placement, notes, convergenceDelta, recipe } = attribution;
      return {
        id: this.#results.add({ kind: "attribution", attribution }),
        method,
        layer,
        placement,
        notes,
        convergenceDelta,
        recipe,
        target: attribution.target,
        shape: attribution.values.shape,
        places,
        signed: places && heatmap(attribution).signed,
        milliseconds,
      };
    });
  }

  /** The overlay of a result on the picture, and the colours it was made of. */
  draw(id: number, look: Look): { overlay: Picture; legend: Picture } {
    const attribution = this.#results.attribution(id);
    const map = this.#heatmap(attribution, look);
    const colormap = look.colormap === "auto" ? undefined : look.colormap;
    const signed = map.signed;
    const ramp = Float32Array.from({ length: 256 }, (_, i) => (signed ? i / 127.5 - 1 : i / 255));
    return {
      overlay: this.#overlay(attribution, look),
      legend: toPicture(heatmapImage({ data: ramp, width: 256, height: 1, signed }, { colormap })),
    };
  }

  async featureMaps(layer: string, order: MapOrder, from: number, count: number): Promise<FeatureMaps> {
    const values = await this.#activation(layer);
    const units = values.shape.length === 4 ? values.shape[3] : values.data.length;
    const highest = new Float32Array(units).fill(Number.NEGATIVE_INFINITY);
    let negative = false;
    values.data.forEach((value, i) => {
      const unit = i % units;
      if (value > highest[unit]) highest[unit] = value;
      negative ||= value < 0;
    });
    const numbers = Array.from(highest.keys());
    if (order === "strongest") numbers.sort((a, b) => highest[b] - highest[a] || a - b);
    const maps = values.shape.length === 4 && values.shape[1] * values.shape[2] > 1;
    return {
      total: units,
      units: numbers.slice(from, from + count).map((unit) => ({
        unit,
        highest: highest[unit],
        ...(maps && { picture: channelPicture(values, unit, negative) }),
      })),
    };
  }

  async project({ layer, unit, keep, rule }: ProjectRequest): Promise<ProjectedUnit> {
    const { model, image } = this.#both();
    const projection = await projectActivation(model, image, { layer, unit, keep, rule });
    const values = await this.#activation(layer);
    const maps = values.shape.length === 4 && values.shape[1] * values.shape[2] > 1;
    const picture = signedPicture(projection.image, this.#settings.preprocess?.channels ?? "rgb");
    const area = areaOf(projection.image);
    const seen = area && toPicture(toImage(model, await networkInput(model, image)));
    return {
      id: this.#results.add({ kind: "tensor", tensor: projection.image }),
      ...(maps && {
        map: channelPicture(
          values,
          unit,
          values.data.some((value) => value < 0),
        ),
      }),
      projection: picture,
      ...(area && seen && { detail: { projection: cut(picture, area), input: cut(seen, area) } }),
      trace: projection.trace.map(({ layer: name, op, values: stage }) => ({
        layer: name,
        op,
        ...(stage.shape.length === 4 && stage.shape[1] * stage.shape[2] > 1 && { picture: strengthPicture(stage) }),
      })),
      kept: projection.kept,
      notes: projection.notes,
      recipe: projection.recipe,
    };
  }

  async ascend(
    job: number,
    { target, start, ...options }: AscentRequest,
    onFrame: (frame: AscentFrame) => void,
  ): Promise<AscentResult> {
    const model = this.#network();
    const from = start === "image" ? this.#both().image : start;
    return asJob(job, async (signal) => {
      const started = performance.now();
      let total: number | undefined;
      let shown = Number.NEGATIVE_INFINITY;
      let last: AscentStep | undefined;
      const show = ({ step, objective, image }: AscentStep): void => {
        shown = performance.now();
        onFrame({ step, total, objective, picture: toPicture(toImage(model, image)) });
      };
      const ascent = maximizeActivation(model, {
        ...options,
        target: isMask(target) ? maskOf(target, this.#winners) : target,
        start: from,
        signal,
        onProgress: (_, steps) => {
          total = steps;
        },
      });
      for await (const step of ascent) {
        last = step;
        if (step.step !== total && performance.now() - shown >= frameMilliseconds) show(step);
      }
      if (!last) throw new Error("The ascent made no step.");
      show(last);
      return {
        id: this.#results.add({ kind: "tensor", tensor: last.image }),
        steps: last.step,
        milliseconds: performance.now() - started,
      };
    });
  }

  async saveOverlay(id: number, look: Look): Promise<Download> {
    return png(this.#overlay(this.#results.attribution(id), look));
  }

  async savePicture(picture: Picture): Promise<Download> {
    return png(picture);
  }

  saveValues(id: number): Download {
    const bytes = encodeNpy(this.#results.values(id));
    return transfer({ bytes, type: "application/octet-stream" }, [bytes.buffer]);
  }

  /** The picture and several overlays in one, each with its name below. */
  async saveComparison(results: readonly { id: number; name: string }[], look: Look): Promise<Download> {
    const display = this.#shown();
    const panels = [
      { name: "picture", picture: display },
      ...results.map(({ id, name }) => ({ name, picture: this.#overlay(this.#results.attribution(id), look) })),
    ];
    const [gap, caption] = [16, 36];
    const columns = Math.ceil(Math.sqrt(panels.length));
    const rows = Math.ceil(panels.length / columns);
    const [cellWidth, cellHeight] = [display.width + gap, display.height + caption + gap];
    const [canvas, context] = canvasOf(columns * cellWidth + gap, rows * cellHeight + gap);
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "#1b2430";
    context.font = "20px system-ui, sans-serif";
    panels.forEach(({ name, picture }, i) => {
      const [x, y] = [gap + (i % columns) * cellWidth, gap + Math.floor(i / columns) * cellHeight];
      context.putImageData(new ImageData(picture.data, picture.width, picture.height), x, y);
      context.fillText(name, x, y + picture.height + 25, display.width);
    });
    const blob = await canvas.convertToBlob({ type: "image/png" });
    return { bytes: new Uint8Array(await blob.arrayBuffer()), type: "image/png" };
  }

  #heatmap(attribution: Attribution, look: Look) {
    const { width, height } = attribution.inputSize;
    // Guided Grad-CAM names the layer of its map, and has its values at the input all the same.
    const [, rows, columns] = attribution.values.shape;
    const pixelwise = attribution.layer === undefined || (rows === height && columns === width);
    return heatmap(
      attribution,
      pixelwise ? { smooth: look.smooth * Math.min(width, height), percentile: shownPercentile } : {},
    );
  }

  #overlay(attribution: Attribution, look: Look): Picture {
    const colormap = look.colormap === "auto" ? undefined : look.colormap;
    return toPicture(overlay(this.#shown(), this.#heatmap(attribution, look), { opacity: look.opacity, colormap }));
  }

  async #activation(layer: string): Promise<Tensor> {
    if (this.#captured?.layer === layer) return this.#captured.values;
    const { model, image } = this.#both();
    const { activations } = await model.run(image, { capture: [layer] });
    const values = activations.get(layer) as Tensor;
    this.#captured = { layer, values };
    return values;
  }

  #forget(): void {
    this.#results.clear();
    this.#winners = undefined;
    this.#captured = undefined;
  }

  #network(): Model {
    if (!this.#model) throw new Error("Open a network first.");
    return this.#model;
  }

  #shown(): Picture {
    if (!this.#display) throw new Error("Open a picture first.");
    return this.#display;
  }

  #both(): { model: Model; image: ImageLike } {
    if (!this.#image) throw new Error("Open a picture first.");
    return { model: this.#network(), image: this.#image };
  }
}

const overtaken = (): DOMException => new DOMException("Something else was opened meanwhile.", "AbortError");

async function png(image: ImageLike): Promise<Download> {
  const bytes = Uint8Array.from(await encodePng(image));
  return transfer({ bytes, type: "image/png" }, [bytes.buffer]);
}

export type { Engine };

expose(new Engine());
