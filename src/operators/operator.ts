/** What an operator is: one record that answers every question the rest of the library asks about it. */
import type { Constant, ConstantKind, Node } from "../graph/ir";
import type { Arrange } from "../graph/regions";
import type { InputConstants, InputShapes, Shape, ShapeRule } from "../graph/shape-rule";
import type { WindowGeometry } from "../graph/window";
import type { Builder } from "../operation/operation";

/**
 * What kind of function it is, in one word. The methods and the rewriting of networks ask for this word and never for names.
 *
 * | nature        | means                                                          |
 * |---------------|----------------------------------------------------------------|
 * | convolution   | a layer with weights that slide over the places of a map       |
 * | dense         | a matrix product                                               |
 * | affine        | a constant factor and a constant shift per channel             |
 * | rectifier     | a function of one number with a kink; rules may take its place |
 * | smooth        | another function of one number                                 |
 * | step          | jumps and is level in between: comparisons, rounding; no gradient |
 * | gate          | a function to between 0 and 1, which weighs other values       |
 * | clamp         | keeps its input between constant bounds                        |
 * | extremum      | the largest or smallest of several values                      |
 * | sum           | adds values                                                    |
 * | difference    | subtracts one value from another                               |
 * | product       | multiplies values                                              |
 * | quotient      | divides one value by another                                   |
 * | mean, total   | averages, or adds, elements of one value                       |
 * | maximum       | the largest, or smallest, of several elements of one value     |
 * | aggregate     | another number made of several elements of one value           |
 * | norm          | divides elements by what others are                            |
 * | rounding      | takes the nearest of the numbers that integers stand for       |
 * | identity      | gives back what it gets                                        |
 * | moves         | moves, repeats, blends or leaves out elements                  |
 * | selection     | takes each element from one value or another                    |
 * | unpooling     | puts elements where another operator found them                |
 * | arithmetic    | computes with constants, before the network runs               |
 */
export type Nature =
  | "convolution"
  | "dense"
  | "affine"
  | "rectifier"
  | "smooth"
  | "step"
  | "gate"
  | "clamp"
  | "extremum"
  | "sum"
  | "difference"
  | "product"
  | "quotient"
  | "mean"
  | "total"
  | "maximum"
  | "aggregate"
  | "norm"
  | "rounding"
  | "identity"
  | "moves"
  | "selection"
  | "unpooling"
  | "arithmetic";

/** A node and what is known of its inputs while the network is only read. */
export interface Use {
  readonly node: Node;
  readonly opset: number;
  readonly shapes: InputShapes;
  readonly constants: InputConstants;
}

/** A window's positions along one axis. */
export interface WindowTaps {
  readonly extent: number;
  readonly stride: number;
  readonly dilation: number;
  readonly pad: number;
}

/** What an index along one axis of the output reads of that axis of the input. */
export type AxisReach =
  /** The same index. */
  | "same"
  /** The same index of another axis of the output, where this one is not repeated. */
  | { readonly of: number }
  /** Every index. */
  | "whole"
  /** Output o reads o·stride − pad + t·dilation for t < extent. */
  | { readonly under: WindowTaps }
  /** Input i is read by i·stride − pad + t·dilation for t < extent: the adjoint of a window. */
  | { readonly over: WindowTaps }
  /** Every index of its group. */
  | { readonly groups: number }
  /** Every index from one to before another. */
  | { readonly span: (index: number) => readonly [from: number, to: number] }
  /** The listed indices; those outside the input are none. */
  | { readonly from: (index: number) => readonly number[] };

/** What one element of an output is computed from: data, which `reach.ts` alone interprets. */
export type Reach =
  /** The same place of every operand, repeated where that is broadcast. */
  | "same"
  /** The same place of the row-major sequence. */
  | "row-major"
  /** What its regions say (`arrange`). */
  | "regions"
  /** Of its first input or inputs, along each axis. */
  | AxesReach
  /** Of every input something else. */
  | OperandsReach;

export interface AxesReach {
  /** One entry per axis of the input, which are those of the output. */
  readonly axes: (use: Use) => readonly AxisReach[];
  /** How many inputs are read so; default 1, and those behind them not at all. */
  readonly inputs?: number;
  /** What counts for what lies around the input where windows reach beyond it; absent where its elements count otherwise. */
  readonly border?: number;
}

export interface OperandsReach {
  /** For each input, one entry per axis of its own. */
  readonly operands: (use: Use) => readonly (readonly AxisReach[])[];
}

/** A window as an axis is read by it. */
export const tapsOf = ({ kernel, stride, dilation, padBegin }: WindowGeometry, axis: number): WindowTaps => ({
  extent: kernel[axis],
  stride: stride[axis],
  dilation: dilation[axis],
  pad: padBegin[axis],
});

/** An operator applied to constants. */
export interface FoldCall {
  readonly node: Node;
  readonly inputs: InputConstants;
  readonly shapes: InputShapes;
  readonly outputs: readonly Shape[];
  /** The inputs that are there. */
  readonly known: readonly Constant[];
  /** Shape of the first output. */
  readonly out: Shape;
}

/** Its value where all inputs are constants; undefined where that is not computed here. */
export type Fold = (call: FoldCall) => Constant | Constant[] | undefined;

/** Whether an output holds floats, integers or booleans, given the kinds of the inputs. */
export type KindRule = (
  node: Node,
  output: number,
  inputs: readonly (ConstantKind | undefined)[],
) => ConstantKind | undefined;

/** Whether a node gives back its first input; asked only where input and output have the same shape. */
export type NoOpTest = (node: Node, shapes: InputShapes, constants: InputConstants) => boolean;

/** Where the output channel is in a weight: its `i`-th run of `run` elements belongs to channel `channelOf(i)`. */
export interface WeightLayout {
  readonly channels: number;
  readonly run: number;
  readonly channelOf: (i: number) => number;
}

/** Everything this library knows about one operator. */
export interface Operator {
  /** The first ONNX operator set that means by it what is read here; default 1. */
  readonly since?: number;
  /** Later sets that mean something else, which its rules tell apart by `opset`. */
  readonly changed?: readonly number[];
  readonly nature: Nature;
  /** Operators of TensorFlow's graphs and activations of Keras that are this one, without attributes of their own. */
  readonly tensorflow?: readonly string[];
  /** Shapes of the outputs; throws where the inputs do not fit. */
  readonly shape: ShapeRule;
  /** Absent where it is computed from constants alone. */
  readonly reach?: Reach;
  /** The running operation, forward and backward; absent where it is computed from constants alone. */
  readonly build?: Builder;
  /** Which elements of its inputs and outputs are the same numbers, or sums of them. */
  readonly arrange?: Arrange;
  readonly fold?: Fold;
  /** Elements that folding reads and writes, where it is more than each of the inputs and outputs once. */
  readonly foldSteps?: (call: FoldCall) => number;
  /** Of what kind the outputs are; default: as the first input. */
  readonly kind?: KindRule;
  readonly noOp?: NoOpTest;
  /** Inputs from this one on say how it works; constants there are not learned. */
  readonly settings?: number;
  /** How its weight, the second input, lies in the file, where a factor per output channel can be multiplied into it. */
  readonly weight?: (node: Node, weight: Constant) => WeightLayout;
  /** True where it is computed from constants, or from the input's size, alone, whatever its inputs' kinds. */
  readonly constantsOnly?: boolean;
  /** True where it makes whole numbers of whole numbers as ONNX says it of integers, beside the natures that all do. */
  readonly wholes?: boolean;
  /** True where no file may name it: this package alone writes such nodes, and they are not checked again. */
  readonly internal?: boolean;
  /** True where its result depends on the shape of the input alone. */
  readonly measures?: boolean;
}
