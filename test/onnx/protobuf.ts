import { PbfWriter } from "pbf";

/** ONNX files as their fields say, for what `writeOnnx` does not write: functions, external data, element types. */

type Write = (pbf: PbfWriter) => void;

const message = (pbf: PbfWriter, tag: number, write: Write): void => {
  pbf.writeMessage(tag, (_, inner) => write(inner), null);
};

interface TensorParts {
  readonly name?: string;
  /** TensorProto.DataType. */
  readonly type: number;
  readonly dims: readonly number[];
  readonly raw?: Uint8Array;
  readonly ints?: readonly number[];
  /** Entries of external_data. */
  readonly external?: Readonly<Record<string, string>>;
}

const tensor =
  ({ name, type, dims, raw, ints, external }: TensorParts): Write =>
  (pbf) => {
    for (const extent of dims) pbf.writeVarintField(1, extent);
    pbf.writeVarintField(2, type);
    if (ints) pbf.writePackedVarint(5, [...ints]);
    if (name !== undefined) pbf.writeStringField(8, name);
    if (raw) pbf.writeBytesField(9, raw);
    for (const [key, value] of Object.entries(external ?? {})) {
      message(pbf, 13, (entry) => {
        entry.writeStringField(1, key);
        entry.writeStringField(2, value);
      });
    }
    if (external) pbf.writeVarintField(14, 1);
  };

/** A graph inside of a node. */
export interface GraphParts {
  readonly nodes: readonly NodeParts[];
  readonly outputs: readonly string[];
  readonly tensors?: readonly TensorParts[];
  /** Of the body of a loop: the number of their element type, and their shape. */
  readonly inputs?: Readonly<Record<string, readonly [type: number, shape: readonly number[]]>>;
}

/** An attribute: `float` is one, a plain number an integer, `ref` names a float of the function's. */
export type AttributeParts =
  | number
  | string
  | readonly number[]
  | TensorParts
  | GraphParts
  | { readonly ref: string }
  | { readonly float: number };

const attribute =
  (key: string, value: AttributeParts): Write =>
  (pbf) => {
    pbf.writeStringField(1, key);
    const type = (number: number): void => pbf.writeVarintField(20, number);
    if (typeof value === "number") {
      pbf.writeVarintField(3, value);
      type(2);
    } else if (typeof value === "string") {
      pbf.writeStringField(4, value);
      type(3);
    } else if ("ref" in value) {
      pbf.writeStringField(21, value.ref);
      type(1);
    } else if ("float" in value) {
      pbf.writeFloatField(2, value.float);
      type(1);
    } else if ("nodes" in value) {
      message(pbf, 6, (graph) => {
        for (const part of value.nodes) message(graph, 1, node(part));
        graph.writeStringField(2, "inside");
        for (const part of value.tensors ?? []) message(graph, 5, tensor(part));
        for (const [name, [type, shape]] of Object.entries(value.inputs ?? {}))
          message(graph, 11, tensorValue(name, shape, type));
        for (const name of value.outputs) message(graph, 12, (info) => info.writeStringField(1, name));
      });
      type(5);
    } else if ("dims" in value) {
      message(pbf, 5, tensor(value));
      type(4);
    } else {
      for (const item of value) pbf.writeVarintField(8, item);
      type(7);
    }
  };

export interface NodeParts {
  readonly name?: string;
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeParts>>;
}

const node =
  ({ name, op, domain, inputs, outputs, attributes = {} }: NodeParts): Write =>
  (pbf) => {
    for (const input of inputs) pbf.writeStringField(1, input);
    for (const output of outputs) pbf.writeStringField(2, output);
    if (name !== undefined) pbf.writeStringField(3, name);
    pbf.writeStringField(4, op);
    for (const [key, value] of Object.entries(attributes)) message(pbf, 5, attribute(key, value));
    if (domain !== undefined) pbf.writeStringField(7, domain);
  };

const operatorSet =
  (domain: string, version: number): Write =>
  (pbf) => {
    pbf.writeStringField(1, domain);
    pbf.writeVarintField(2, version);
  };

export interface FunctionParts {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeParts[];
  readonly attributes?: readonly string[];
  readonly defaults?: Readonly<Record<string, AttributeParts>>;
  readonly opset?: number;
}

export const functionDomain = "local";

const modelFunction =
  ({ name, inputs, outputs, nodes, attributes = [], defaults = {}, opset = 18 }: FunctionParts): Write =>
  (pbf) => {
    pbf.writeStringField(1, name);
    for (const input of inputs) pbf.writeStringField(4, input);
    for (const output of outputs) pbf.writeStringField(5, output);
    for (const key of attributes) pbf.writeStringField(6, key);
    for (const part of nodes) message(pbf, 7, node(part));
    message(pbf, 9, operatorSet("", opset));
    message(pbf, 9, operatorSet(functionDomain, 1));
    pbf.writeStringField(10, functionDomain);
    for (const [key, value] of Object.entries(defaults)) message(pbf, 11, attribute(key, value));
  };

const tensorValue =
  (name: string, shape: readonly number[], elementType = 1): Write =>
  (pbf) => {
    pbf.writeStringField(1, name);
    message(pbf, 2, (type) =>
      message(type, 1, (of) => {
        of.writeVarintField(1, elementType);
        message(of, 2, (dims) => {
          for (const extent of shape) message(dims, 1, (dim) => dim.writeVarintField(1, extent));
        });
      }),
    );
  };

interface FileParts {
  readonly opset?: number;
  /** Other operator sets by their domain. */
  readonly domains?: Readonly<Record<string, number>>;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** TensorProto.DataType of the inputs; default float32. */
  readonly inputType?: number;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
  readonly nodes: readonly NodeParts[];
  readonly tensors?: readonly TensorParts[];
  readonly functions?: readonly FunctionParts[];
}

export function onnxFile(parts: FileParts): Uint8Array<ArrayBuffer> {
  const { opset = 18, domains = { [functionDomain]: 1 }, inputs, inputType } = parts;
  const { outputs, nodes, tensors = [], functions = [] } = parts;
  const file = new PbfWriter();
  file.writeVarintField(1, 10);
  message(file, 7, (graph) => {
    for (const part of nodes) message(graph, 1, node(part));
    graph.writeStringField(2, "test");
    for (const part of tensors) message(graph, 5, tensor(part));
    for (const [name, shape] of Object.entries(inputs)) message(graph, 11, tensorValue(name, shape, inputType));
    for (const [name, shape] of Object.entries(outputs)) message(graph, 12, tensorValue(name, shape));
  });
  message(file, 8, operatorSet("", opset));
  for (const [domain, version] of Object.entries(domains)) message(file, 8, operatorSet(domain, version));
  for (const part of functions) message(file, 25, modelFunction(part));
  return new Uint8Array(file.finish());
}

/** Float32 numbers as raw_data. */
export const rawFloats = (...values: readonly number[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Float32Array.from(values).buffer);
