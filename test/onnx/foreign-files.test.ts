import { describe, expect, it } from "vitest";
import { loadModel, ModelError } from "../../src/index";
import { describeShared, readShared } from "../shared-folder";

const latin1 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(text, (each) => each.charCodeAt(0));
/** A field of a protocol buffer that holds bytes. */
const field = (number: number, value: string): string => {
  const tag = number * 8 + 2;
  const head = tag < 128 ? String.fromCharCode(tag) : String.fromCharCode((tag & 127) | 128, tag >> 7);
  return `${head}${String.fromCharCode(value.length)}${value}`;
};
const zip = (name: string): string => `PK\x03\x04\x14\0\0\0${name}PK\x01\x02${name}PK\x05\x06`;
const safetensors = (header: string): string => `${String.fromCharCode(header.length)}\0\0\0\0\0\0\0${header}`;

describe("a file that is no network says what it is, and the way out", () => {
  it.each([
    [
      "safetensors",
      safetensors('{"conv.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}    '),
      /weights in safetensors.*torch\.onnx\.export/,
    ],
    ["safetensors whose length looks like JSON", safetensors(`{"a":{}${" ".repeat(115)}}`), /weights in safetensors/],
    ["safetensors of a length below a space", safetensors('{"a":{"x":1}}'), /weights in safetensors/],
    ["a weights manifest", '[{"paths": ["a.bin"], "weights": []}]', /TensorFlow\.js weights manifest.*model\.json/],
    ["a manifest in an object", '{"weightsManifest": []}', /weights manifest without a topology/],
    [
      "a manifest with a format",
      '{"format": "graph-model", "modelTopology": null, "weightsManifest": []}',
      /weights manifest without a topology/,
    ],
    ["a safetensors index", '{"weight_map": {}}', /index of a safetensors checkpoint/],
    ["a Keras architecture", '{"class_name": "Functional", "config": {}}', /Keras model without its weights/],
    ["a Hugging Face config", '{"architectures": ["A"], "id2label": {}}', /Hugging Face configuration/],
    ["a JSON list", '["cat", "dog"]', /a JSON list, which is no network/],
    ["a tensor", `\x08\x01\x08\x02\x10\x01${field(8, "x")}${field(9, "12345678")}`, /one tensor \(a TensorProto/],
    ["a tensor with packed dims", `${field(1, "\x02")}\x10\x01${field(4, "12345678")}`, /one tensor \(a TensorProto/],
    ["a SavedModel", `\x08\x01${field(2, "meta")}`, /TensorFlow SavedModel.*tf2onnx/],
    [
      "a frozen graph",
      `${field(1, field(1, "x") + field(2, "Placeholder"))}${field(4, "\x08\x01")}`,
      /TensorFlow graph \(a frozen \.pb\).*--graphdef/,
    ],
    ["Core ML", `\x08\x01${field(2, "d")}${field(500, "n")}`, /Core ML model \(\.mlmodel\)/],
    ["Caffe", `${field(1, "net")}${field(100, "layer")}`, /Caffe model/],
    ["a pickle", "\x80\x04\x95", /Python pickle.*torch\.onnx\.export/],
    ["PyTorch", zip("archive/data.pkl"), /PyTorch checkpoint/],
    ["Keras 3", zip("model.weights.h5"), /Keras 3 model/],
    ["npz", zip("arr_0.npy"), /\.npz/],
    ["GGUF", "GGUF\x03\0\0\0\0\0\0\0", /GGUF/],
    ["HDF5", "\x89HDF\r\n\x1a\n", /HDF5/],
    ["npy", "\x93NUMPY\x01\0", /NumPy array/],
    ["OpenVINO", '<?xml version="1.0"?><net name="a">', /OpenVINO/],
    ["ncnn", "7767517\n75 83\n", /ncnn/],
    ["a WebP image", "RIFF\x10\0\0\0WEBPVP8 ", /WebP image/],
  ])("%s", async (_, text, message) => {
    await expect(loadModel(latin1(text))).rejects.toThrow(ModelError);
    await expect(loadModel(latin1(text))).rejects.toThrow(message);
  });
});

describeShared("weights as hubs publish them", () => {
  it("are recognised", async () => {
    await expect(loadModel(readShared("cases/safetensors/model.safetensors"))).rejects.toThrow(
      /weights in safetensors, without the network\. .*export the network with torch\.onnx\.export/,
    );
  });
});
