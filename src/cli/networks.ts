import type { Model } from "../index";

/** What a network is called in text and tables. */
export interface NamedNetwork {
  readonly model: Model;
  readonly name: string;
}

/** Each by its own name, or by its file where two have one name. */
export function networksOf(models: readonly Model[], files: readonly (string | undefined)[]): readonly NamedNetwork[] {
  const names = models.map(({ name }) => name);
  return models.map((model, i) => {
    const isAlone = names.filter((name) => name === model.name).length === 1;
    return { model, name: isAlone ? model.name : (files[i] ?? model.name) };
  });
}
