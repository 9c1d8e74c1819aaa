import type { Attribution, Tensor } from "seethrough";

/** What the page may ask for again: to draw with other colours, or to save. */
export type Result =
  | { readonly kind: "attribution"; readonly attribution: Attribution }
  | { readonly kind: "tensor"; readonly tensor: Tensor };

/** Results of the present network and image; the oldest go first. */
const most = 40;

export class Results {
  readonly #kept = new Map<number, Result>();
  #last = 0;

  add(result: Result): number {
    this.#last += 1;
    this.#kept.set(this.#last, result);
    for (const id of this.#kept.keys()) {
      if (this.#kept.size <= most) break;
      this.#kept.delete(id);
    }
    return this.#last;
  }

  get(id: number): Result {
    const result = this.#kept.get(id);
    if (!result) throw new Error("This result belongs to an earlier network or picture and was dropped. Run it again.");
    return result;
  }

  attribution(id: number): Attribution {
    const result = this.get(id);
    if (result.kind !== "attribution") throw new Error("This result is not an attribution.");
    return result.attribution;
  }

  values(id: number): Tensor {
    const result = this.get(id);
    return result.kind === "tensor" ? result.tensor : result.attribution.values;
  }

  clear(): void {
    this.#kept.clear();
  }
}
