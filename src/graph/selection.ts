/** How a file picks among a detector's candidates behind its layers. Names are of values in the file. */
export interface Selection {
  /** What is read as boxes and as scores, as far as the operators say it. */
  readonly boxes?: string;
  readonly scores?: string;
  /** True where boxes are corners, false where they are centres and sizes. */
  readonly corners: boolean;
  /** True where the top edge stands before the left one. */
  readonly rowsFirst: boolean;
  readonly rule: SelectionRule;
}

/** Which candidates are kept. */
export interface SelectionRule {
  /** Every class of a candidate is a box of its own; else its best class alone. */
  readonly everyClass: boolean;
  /** Doubles are suppressed. */
  readonly suppresses: boolean;
  /** The overlap above which doubles are suppressed. */
  readonly iou?: number;
  /** The score that must be exceeded. */
  readonly score?: number;
  /** How many are kept at most, and of each class. */
  readonly top?: number;
  readonly perClass?: number;
  /** Doubles of other classes are suppressed too. */
  readonly acrossClasses?: boolean;
  /** The class that is nothing. */
  readonly background?: "first";
  /** What scores go through there. */
  readonly finish?: "sigmoid" | "softmax";
}
