import { checkBag, checkOptions, iterable, kindOf, oneOf, show, wholeNumber } from "../checks";
import { OptionError } from "../errors";
import type { Constant } from "../graph/ir";
import { guardedAsync, theirsAsync } from "../guard";
import { type MethodName, methodTable } from "../methods/table";
import { type LoadedModel, loadedAlone } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { resolveTarget } from "../model/resolve-target";
import { createPace } from "../pace/pace";
import { failureOf, pictureCount, picturesOf, theirValue } from "../pace/picture-stream";
import { Random } from "../random/random";
import { copiesOf } from "../rewrite/with-constants";
import type { ObjectRegion } from "../trust/region";
import { shuffled, stagesOf } from "../trust/shuffle";
import { type AuditPicture, auditPicture, labelled, type Probe } from "./audit-picture";
import { auditOf, checkAudit, checkSameAudit, joinPart, partOf, type Records } from "./merge-audits";
import { networkKey } from "./network-key";
import { checkSharedClasses } from "./shared-classes";
import type { Audit, AuditKey } from "./types";

/** A picture of the data that is audited. */
export interface AuditImage {
  /** Names the picture in the result; one id is one picture, wherever it comes from. */
  readonly id: string;
  /** The picture, or how to get it: called when its turn comes. */
  readonly image: Input | (() => Input | Promise<Input>);
  /** What it shows: a class of the network by name or number. */
  readonly label?: string | number;
  /**
   * Of all that the picture is made from, a hash of its file for example: a picture that an earlier result (`from`) knows by another digest
   * is looked at anew.
   */
  readonly digest?: string;
  /** Where the object is: a box or a mask, or how to get it. */
  readonly mask?: ObjectRegion | (() => ObjectRegion | undefined | Promise<ObjectRegion | undefined>);
}

export type AuditImages = Iterable<AuditImage> | AsyncIterable<AuditImage>;

export interface AuditOptions {
  /** Whose maps are looked at; default 'grad-cam'. */
  readonly method?: MethodName;
  /** Layer of the method; default: the method's own. */
  readonly layer?: string;
  /**
   * What the evidence is compared with: 'class' (default), the evidence for the next likely class in the same picture; 'weights', that
   * of the same network with its last layer shuffled; or another network, asked about the same class.
   */
  readonly control?: "class" | "weights" | Model;
  /** Rows and columns of the small maps that are clustered; default 8. */
  readonly grid?: number;
  /** Of everything random; default 0. */
  readonly seed?: number;
  /** A picture that cannot be loaded or explained: 'throw' (default) ends the audit, 'skip' records it in `failures`. */
  readonly onError?: "throw" | "skip";
  /** An earlier result of the same audit to go on from: pictures that it has are not looked at again. */
  readonly from?: Audit;
  /**
   * Called every `checkpointEvery` pictures with what is known of them, a part that `from` and `mergeAudits` take: accuracy, clusters and
   * suspicions are found at the end, when it is called with the result. Awaited.
   */
  readonly onCheckpoint?: (part: Audit) => void | Promise<void>;
  /** Default 500. */
  readonly checkpointEvery?: number;
  /** How many pictures will come, if they are no array: passed on to `onProgress`, which else gets NaN. */
  readonly total?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

const known = [
  ...["method", "layer", "control", "grid", "seed", "onError", "from", "onCheckpoint", "checkpointEvery", "total"],
  ...["signal", "onProgress"],
];

/**
 * Looks at a whole data set: what does the network answer, and are there answers that rest on the wrong thing?
 *
 * Every picture is explained for the class that the network named. The maps of each class, made small, are clustered: a class that falls
 * into clusters with different evidence has several strategies, one of them perhaps a cheat (SpRAy: Lapuschkin et al. 2019,
 * https://doi.org/10.1038/s41467-019-08987-4). A cluster is suspected where its evidence lies outside the object more than the *control's*
 * does on the same pictures; where no object's place is known, the rim of the picture stands for the outside. Without a control
 * "it looks at the background" says nothing: evidence for a class that is not there has nowhere good to lie either.
 *
 * Memory grows by a small map a picture. The result is plain JSON, depends on the set of pictures alone, not on their order, goes on with
 * `from`, and results over parts of the data are joined by `mergeAudits`.
 *
 * @param images  `{ id, image, label?, mask? }`, any iterable; image and mask can be functions that load them; pixels are
 *   read when their turn comes, not before
 * @returns accuracy, confusion with ids, per class the clusters of evidence, suspicions by falling strength, outliers
 * @throws {InputError} naming the id of a picture that cannot be audited, or if `from` belongs to another audit
 * @throws {OptionError} if an option is out of range
 * @throws {LayerError} if the method cannot explain the network
 * @example
 * const images = [{ id: "photo.png", image: async () => decodeImage(await readFile("photo.png")), label: "cat" }];
 * const { accuracy, suspicions } = await audit(model, images);
 * for (const { says } of suspicions) console.log(says);
 */
export async function audit(given: Model, images: AuditImages, options: AuditOptions = {}): Promise<Audit> {
  return guardedAsync("audit", async () => {
    checkBag("audit", options, []);
    checkOptions("audit", options, known);
    const { onError = "throw", checkpointEvery = 500, onCheckpoint, from } = options;
    wholeNumber("checkpointEvery", checkpointEvery, 1);
    oneOf("onError", onError, ["throw", "skip"]);
    if (onCheckpoint !== undefined && typeof onCheckpoint !== "function") {
      throw new OptionError(`onCheckpoint must be a function, got ${kindOf(onCheckpoint)}.`);
    }
    iterable("images", images, "{ id, image }");
    const model = loadedAlone(given, "audit");
    const { key, control, release } = await begin(model, options);
    try {
      const records: Records = { images: new Map(), failures: new Map() };
      if (from !== undefined) {
        checkAudit(from, "from");
        checkSameAudit(from.audit, key, "from", "this audit");
        joinPart(records, from);
      }
      const pace = createPace(options, pictureCount(images, options));
      const probe: Probe = { model, key, control, ...(options.signal && { signal: options.signal }) };
      let seen = 0;
      for await (const item of picturesOf(images, "{ id, image, label?, mask? }", options.signal)) {
        const { id } = item;
        seen++;
        const known = records.images.get(id);
        if (known && (item.digest === undefined || item.digest === known.digest)) {
          records.images.set(id, labelled(known, checkedLabel(item.label), key));
          continue;
        }
        records.images.delete(id);
        const failure = await failureOf(id, options, async () => {
          records.images.set(id, await auditPicture(probe, await loadedPicture(item, probe.signal)));
          records.failures.delete(id);
        });
        if (failure !== undefined) records.failures.set(id, failure);
        await pace.step(seen);
        if (onCheckpoint && seen % checkpointEvery === 0) {
          const part = partOf(key, records);
          await theirsAsync(() => onCheckpoint(part), options.signal);
        }
      }
      const whole = await auditOf(key, records);
      if (onCheckpoint) await theirsAsync(() => onCheckpoint(whole), options.signal);
      return whole;
    } finally {
      release();
    }
  });
}

function checkedLabel(label: unknown): string | number | undefined {
  if (label === undefined || typeof label === "string" || typeof label === "number") return label;
  throw new OptionError(`label is a class's name or number, got ${kindOf(label)}.`);
}

/** @throws {OptionError} if the digest is no text */
export function checkedDigest(digest: unknown): { readonly digest?: string } {
  if (digest === undefined) return {};
  if (typeof digest === "string") return { digest };
  throw new OptionError(`digest is a text, a hash of the picture's file for example, got ${kindOf(digest)}.`);
}

async function loadedPicture(
  { id, image, label: given, mask, digest }: AuditImage,
  signal?: AbortSignal,
): Promise<AuditPicture> {
  const label = checkedLabel(given);
  const made = checkedDigest(digest);
  const input = await theirValue(image, signal);
  const region = await theirValue(mask, signal);
  return { id, ...made, input, ...(label !== undefined && { label }), ...(region !== undefined && { region }) };
}

interface Begun {
  readonly key: AuditKey;
  readonly control: Probe["control"];
  readonly release: () => void;
}

async function begin(
  model: LoadedModel,
  { method = "grad-cam", layer, control = "class", grid = 8, seed = 0 }: AuditOptions,
): Promise<Begun> {
  const names = methodTable.map(({ name }) => name);
  oneOf("method", method, names);
  wholeNumber("grid", grid, 2, 64);
  if (!Number.isFinite(seed)) throw new OptionError(`seed must be a number, got ${show(seed)}.`);
  const { classes } = model.parts.classAxis;
  const key = {
    ...(await networkKey(model)),
    classes,
    method,
    ...(layer !== undefined && { layer }),
    grid,
    seed,
  };
  if (typeof control === "object") {
    const other = loadedAlone(control, "audit: control");
    checkSharedClasses(model, other, true);
    return { key: { ...key, control: await other.parts.hash() }, control: { network: other }, release: () => {} };
  }
  oneOf("control", control, ["class", "weights"]);
  if (control === "class" && classes > 1) return { key: { ...key, control }, control: "class", release: () => {} };
  const network = await withoutHead(model, seed);
  return { key: { ...key, control: "weights" }, control: { network }, release: () => network.dispose() };
}

/** The same network with the weights of its last layer shuffled: it tells no class from another. */
async function withoutHead(model: LoadedModel, seed: number): Promise<LoadedModel> {
  const { graph } = model.parts;
  const [head] = stagesOf(graph, model.dependencies(resolveTarget(model, 0).value));
  if (!head) throw new OptionError('control "weights": the network has no layer with weights to shuffle.');
  const random = new Random(seed);
  const constants = new Map<string, Constant>();
  for (const { name, signs } of head.constants) {
    const constant = graph.constants.get(name);
    if (constant) constants.set(name, shuffled(constant, signs, random));
  }
  return (await copiesOf(model))(constants);
}
