/**
 * What a method is, as data: everything that asks about methods by name reads it here (`explain`, the pool, heatmaps, judgements, the
 * command line, the playground, the tables of docs/methods.md). `table.ts` begins with how to add one.
 */

/** An option: what it must be, and what stands for it where it is not given. */
export interface OptionFacts {
  /** 'own': the method checks it itself, beside what it depends on. */
  readonly is:
    | "count"
    | "above"
    | "amount"
    | "probability"
    | "number"
    | "flag"
    | "name"
    | "choice"
    | "function"
    | "own";
  readonly default?: unknown;
  /** In words, where the default depends on something. */
  readonly usual?: string;
  /** The least count; 1 unless given. */
  readonly least?: number;
  readonly choices?: readonly string[];
  /** True where each of several inputs may have its own, by name: the method checks those. */
  readonly perInput?: true;
}

export type OptionGroup = Readonly<Record<string, OptionFacts>>;

/**
 * What values mean. A gradient's sign only says which way to change a pixel: its magnitude counts. A share of the score counts
 * with its sign, summed over channels. Of evidence (class activation maps and their like) the positive part counts.
 */
export type Reading = "magnitude" | "share" | "evidence";

export interface MethodFacts {
  /** What `explain` and the command line call it. */
  readonly name: string;
  /** The library's function. */
  readonly call: string;
  readonly reading: Reading;
  /** What it costs, in passes through the network. */
  readonly passes: string;
  /** What it must see of the network. Scores alone: a black box will do. Attention: a network that has none is refused. */
  readonly needs: readonly ("gradients" | "maps" | "scores" | "attention")[];
  /** Groups, so that methods share them. */
  readonly options: readonly OptionGroup[];
  /** Codes of the notes that stand on every result. */
  readonly notes?: readonly string[];
  /** True of many passes that do not depend on each other: a pool divides them. */
  readonly divided?: true;
}

/**
 * A method in words for people who do not know it. Apart from its facts, so that bundles carry the sentences only where somebody asks
 * for them. `{target}` stands for what is explained.
 */
export interface MethodWords {
  /** Its name as papers write it. */
  readonly title: string;
  /** What it does, and what to keep in mind. */
  readonly says: string;
  /** What is true of a place with a high value, red in the library's own colours. */
  readonly high: string;
  /** What is true of a place with a low value, blue in the library's own colours: negative where signs count, else near nothing. */
  readonly low: string;
}
