import { computed, signal } from "@preact/signals";
import type { Detection } from "seethrough";
import type { Answers, AskedTarget, NetworkInfo } from "../worker/protocol";
import { engine } from "./engine";
import { network } from "./network";
import { picture } from "./picture";
import { createRunner, latest } from "./task";

const runner = createRunner<Answers>({ keepLast: true });
export const answers = runner.state;

/** What is explained. "top": the best class of whatever picture is shown. */
export const target = signal<AskedTarget>("top");

/** Counts pairs of network and picture, so that results of an earlier pair are told apart. */
export const occasion = signal(0);

/** Network and picture are both there and fit each other. */
export const ready = computed(() => {
  const info = readyNetwork();
  return info !== undefined && picture.value.status === "done" && info.notForImages === undefined;
});

export const readyNetwork = (): NetworkInfo | undefined =>
  network.value.status === "done" ? network.value.value : undefined;

/** A new network or picture: ask again. A unit that is looked at stays when only the picture changes. */
export async function ask(changed: "network" | "picture"): Promise<void> {
  const ofUnit = typeof target.value === "object" && "layer" in target.value;
  if (changed === "network" || !ofUnit) target.value = "top";
  occasion.value += 1;
  if (!ready.value) {
    runner.reset();
    return;
  }
  await runner.start(() => engine.predict());
  if (target.value === "top") aimAtBest();
}

/**
 * Back to what the page asks by itself: the best class, or the best box; of an output map the most frequent class but the very most
 * frequent, which is background nearly always.
 */
export function aimAtBest(): void {
  const { map, boxes = [] } = latest(answers.value) ?? {};
  if (boxes.length > 0) {
    target.value = { detection: boxes[0] };
    return;
  }
  const present = map?.present;
  const winner = present?.[1] ?? present?.[0];
  target.value = winner ? { maskOf: winner.index } : "top";
}

/** The class index the target "top" stands for, once it is known. */
export const topClass = computed(() => latest(answers.value)?.predictions[0]?.index);

/** There is something to explain: a detector may have found nothing. */
export const askable = computed(() => target.value !== "top" || topClass.value !== undefined);

/** The box that is asked about. */
export const askedBox = computed((): Detection | undefined =>
  typeof target.value === "object" && "detection" in target.value ? target.value.detection : undefined,
);

export function className(index: number): string {
  const info = latest(network.value);
  return info?.labels?.[index] ?? (info?.classes === 1 ? "the output" : `class ${index}`);
}

/** A box by its class; by its number too, in the order of the list, where there are several of the class. */
function boxName(box: Detection): string {
  const boxes = latest(answers.value)?.boxes ?? [];
  const name = box.label ?? className(box.index);
  const number = boxes.indexOf(box) + 1;
  const isAlone = boxes.filter(({ index }) => index === box.index).length < 2;
  return isAlone || number === 0 ? `the ${name} in the box` : `the ${name} in box ${number}`;
}

/** The target in words. */
export function targetName(asked: AskedTarget): string {
  if (asked === "top") return topClass.value === undefined ? "the best class" : className(topClass.value);
  if (typeof asked === "number") return className(asked);
  if (typeof asked === "string") return asked;
  if ("maskOf" in asked) {
    const alone = latest(network.value)?.classes === 1;
    return `${className(asked.maskOf)}, where it ${alone ? "is positive" : "wins"}`;
  }
  if ("detection" in asked) return boxName(asked.detection);
  if ("layer" in asked) return `unit ${asked.unit} of ${asked.layer}`;
  // A signal's place is one number.
  const { position } = asked;
  const place = typeof position === "number" ? `place ${position}` : `row ${position[0]}, column ${position[1]}`;
  return `${className(asked.channel)} at ${place} of the output`;
}
