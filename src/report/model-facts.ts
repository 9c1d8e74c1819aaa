import type { Attribution } from "../attribution/attribution";
import { inspect } from "../model/inspect";
import type { Model } from "../model/model";
import { type Content, html } from "./markup";
import { noteList, table } from "./page";

/** What is known of the networks: by their recipes the files, and of those handed over what they consist of. */
export function modelFacts(attributions: readonly Pick<Attribution, "recipe">[], models: readonly Model[]): Content {
  const hashes = [
    ...new Set(attributions.map(({ recipe }) => `${recipe.modelHash}, explained by seethrough ${recipe.version}`)),
  ];
  return [
    hashes.length > 0 && html`<p>Explained:</p><ul>${hashes.map((hash) => html`<li><code>${hash}</code></li>`)}</ul>`,
    models.length > 0 && factsTable(models),
    models.map((model) => noteList(model.notes, `To keep in mind of ${model.name}`)),
  ];
}

function factsTable(models: readonly Model[]): Content {
  const count = new Intl.NumberFormat("en-US");
  return table(
    "The networks",
    ["network", "input", "output", "classes", "layers", "parameters", "multiply–adds"],
    models.map((model) => {
      const { input, output, layers, parameters, macs, classes } = inspect(model);
      const shape = (of: readonly number[]): string => of.join("×");
      return [
        model.name,
        `${input.name} ${shape(input.shape)}`,
        `${output.name} ${shape(output.shape)}`,
        count.format(classes.count),
        count.format(layers.length),
        count.format(parameters),
        count.format(macs),
      ];
    }),
  );
}
