import {
  type Adcc,
  type Attribution,
  adcc,
  averageDrop,
  controlHeatmaps,
  type DeletionInsertionCurves,
  deletionInsertion,
  type EnergyPointingGame,
  energyPointingGame,
  explain,
  type ImageLike,
  InputError,
  increaseInConfidence,
  infidelity,
  type JudgedMap,
  LayerError,
  type MethodName,
  type Model,
  maxSensitivity,
  type Note,
  type ObjectRegion,
  type PointingGame,
  pointingGame,
  type RandomizationStage,
  type RandomLogitTest,
  type Road,
  randomizationTest,
  randomLogitTest,
  road,
  sparseness,
  type Target,
  TargetError,
  type TargetReport,
} from "../index";

/** How one map of one image did. */
export interface Judgement extends DeletionInsertionCurves {
  /** Name of the method or of the control. */
  readonly name: string;
  readonly road: Pick<Road, "percentiles" | "mostRelevantFirst" | "leastRelevantFirst" | "combined">;
  /** Share of the confidence that is lost where only what the map marks is shown; absent where the confidence is no positive number. */
  readonly averageDrop?: number;
  /** 1 if the confidence rises instead, else 0. */
  readonly increaseInConfidence: 0 | 1;
  /** Of a method whose average drop there is. */
  readonly adcc?: Pick<Adcc, "adcc" | "coherency" | "complexity">;
  /** Mean squared error of the changes it foretells, over that of foretelling none. */
  readonly infidelity: number;
  readonly sparseness: number;
  /** Where the object is known. */
  readonly pointingGame?: PointingGame;
  readonly energyPointingGame?: EnergyPointingGame;
  /** Of a method. */
  readonly maxSensitivity?: number;
  /** Where there are other classes. */
  readonly randomLogit?: Pick<RandomLogitTest, "similarity" | "passed" | "classes">;
  readonly randomization?: {
    readonly similarity: number;
    readonly passed: boolean;
    readonly stages: readonly RandomizationStage[];
  };
  readonly notes?: readonly Note[];
}

export interface Evaluated {
  readonly target: TargetReport;
  /** What pixels are taken away from: the target's probability where it has one, else its score. */
  readonly measure: "probability" | "score";
  /** Of the whole picture, where that is what is measured. */
  readonly probability?: number;
  readonly methods: readonly Judgement[];
  readonly controls: readonly Judgement[];
}

/** Enough for two figures of each number. */
const steps = 32;
const percentiles = [20, 40, 60, 80];
const infidelitySamples = 32;
const sensitivitySamples = 5;

interface Request {
  readonly image: ImageLike;
  /** Where the object is in the image. */
  readonly mask?: ObjectRegion;
  readonly target: Target | undefined;
  readonly methods: readonly MethodName[];
  /** Of all that is random in methods and measures. */
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Called after each map. */
  readonly onMap: () => void;
  /** Called with each method's map that was judged. */
  readonly onAttribution?: (attribution: Attribution) => void;
  /** Called with a method that is left out, and why. */
  readonly onMissing: (method: string, reason: string) => void;
}

/**
 * Judges several methods, and the controls, on one image.
 *
 * @throws the signal's reason as soon as it is aborted
 */
export async function evaluateImage(model: Model, request: Request): Promise<Evaluated> {
  const { image, mask, methods, seed, signal, onMap, onMissing, onAttribution } = request;
  const target = request.target ?? (await model.predict(image, { top: 1, signal }))[0].index;
  const [, height, width] = model.input.shape;
  const asked = { target, seed, signal };
  const judge = async (name: string, map: JudgedMap): Promise<Judged> => {
    const step = Math.ceil((width * height) / steps);
    const { deletion, insertion, ...curves } = await deletionInsertion(model, image, map, {
      ...{ ...asked, step, controls: false },
    });
    const removed = await road(model, image, map, { ...asked, percentiles, controls: false });
    const foretold = await infidelity(model, image, map, { ...asked, samples: infidelitySamples, normalize: true });
    const increase = await increaseInConfidence(model, image, map, asked);
    // A share of what is not positive is no share.
    const drop = increase.confidence > 0 ? await averageDrop(model, image, map, asked) : undefined;
    const judgement = {
      name,
      deletion,
      insertion,
      road: {
        ...{ percentiles, combined: removed.combined },
        ...{ mostRelevantFirst: removed.mostRelevantFirst, leastRelevantFirst: removed.leastRelevantFirst },
      },
      ...(drop && { averageDrop: drop.averageDrop }),
      increaseInConfidence: increase.increaseInConfidence,
      infidelity: foretold.ofZeros > 0 ? foretold.infidelity / foretold.ofZeros : 1,
      sparseness: sparseness(map),
      ...(mask && { pointingGame: pointingGame(map, mask), energyPointingGame: energyPointingGame(map, mask) }),
    };
    const { target: seen, measure } = curves;
    return {
      judgement,
      seen: { target: seen, measure, ...(measure === "probability" && { probability: deletion.curve[0] }) },
    };
  };
  const judged: Judgement[] = [];
  for (const method of methods) {
    try {
      const { judgement, attribution } = await judgeMethod(model, image, { method, asked, judge });
      judged.push(judgement);
      onAttribution?.(attribution);
    } catch (error) {
      // What a network's structure or an empty map rules out is no reason to give up the others.
      if (!(error instanceof LayerError || error instanceof InputError)) throw error;
      onMissing(method, error.message);
    }
    onMap();
  }
  const maps = controlHeatmaps(model, image, { seed });
  const controls: Judged[] = [];
  for (const name of ["random", "edge", "centre"] as const) {
    controls.push(await judge(name, maps[name]));
    onMap();
  }
  return { ...controls[0].seen, methods: judged, controls: controls.map(({ judgement }) => judgement) };
}

interface Judged {
  readonly judgement: Judgement;
  readonly seen: Pick<Evaluated, "target" | "measure" | "probability">;
}

async function judgeMethod(
  model: Model,
  image: ImageLike,
  {
    method,
    asked,
    judge,
  }: {
    readonly method: MethodName;
    readonly asked: { readonly target: Target; readonly seed: number; readonly signal: AbortSignal };
    readonly judge: (name: string, map: JudgedMap) => Promise<Judged>;
  },
): Promise<{ readonly judgement: Judgement; readonly attribution: Attribution }> {
  const attribution = await explain(model, image, { method, ...asked });
  // Every test begins with the map that is there already.
  const explained: Parameters<typeof maxSensitivity>[2] = async (m, x, options) =>
    m === model && x === image && options.target === asked.target ? attribution : explain(m, x, { ...options, method });
  const { judgement } = await judge(method, attribution);
  const found = judgement.averageDrop === undefined ? undefined : await adcc(model, image, explained, asked);
  const sensitivity = await maxSensitivity(model, image, explained, { ...asked, samples: sensitivitySamples });
  const { similarity, passed, stages } = await randomizationTest(model, image, explained, { ...asked, stages: 2 });
  const logits = await otherClasses(model, image, explained, asked);
  const whole = {
    ...judgement,
    ...(found && { adcc: { adcc: found.adcc, coherency: found.coherency, complexity: found.complexity } }),
    maxSensitivity: sensitivity.maxSensitivity,
    ...(logits && { randomLogit: { similarity: logits.similarity, passed: logits.passed, classes: logits.classes } }),
    randomization: { similarity, passed, stages },
    notes: attribution.notes,
  };
  return { judgement: whole, attribution };
}

/** The maps of other classes; undefined where there is but one. */
async function otherClasses(
  model: Model,
  image: ImageLike,
  method: Parameters<typeof randomLogitTest>[2],
  asked: { readonly target: Target; readonly seed: number; readonly signal: AbortSignal },
): Promise<RandomLogitTest | undefined> {
  try {
    return await randomLogitTest(model, image, method, asked);
  } catch (error) {
    if (error instanceof TargetError) return undefined;
    throw error;
  }
}
