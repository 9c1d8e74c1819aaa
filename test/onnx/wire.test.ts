import { PbfReader, PbfWriter } from "pbf";
import { expect, it } from "vitest";
import { Message, readMessage } from "../../src/onnx/wire";

/** What takes one byte, two, five and ten, and the ends of what is exact. */
const integers = [0, 1, 127, 128, 16383, 16384, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 35 + 7, 2 ** 53, 2 ** 63 - 1024];
const signed = [...integers, ...integers.slice(1).map((value) => -value), -(2 ** 63)];

it("writes the bytes that pbf writes, and reads what pbf reads", () => {
  const [ours, theirs] = [new Message(), new PbfWriter()];
  for (const value of signed) {
    ours.int(3, value);
    theirs.writeVarintField(3, value);
  }
  ours.float(16, -1.5).string(2048, "größer").bytes(5, new Uint8Array(300)).message(1, new Message());
  theirs.writeFloatField(16, -1.5);
  theirs.writeStringField(2048, "größer");
  theirs.writeBytesField(5, new Uint8Array(300));
  theirs.writeMessage(1, () => {}, null);
  const bytes = ours.finish();
  expect(bytes).toEqual(new Uint8Array(theirs.finish()));
  const found: (number | string)[] = [];
  readMessage(bytes, "a test", (field) => {
    if (field.number === 3) found.push(field.int());
    if (field.number === 16) found.push(field.float());
    if (field.number === 2048) found.push(field.string());
  });
  expect(found).toEqual([...signed, -1.5, "größer"]);
  const reader = new PbfReader(bytes);
  for (const value of signed) {
    reader.nextField();
    expect(reader.readVarint(true)).toBe(value);
  }
});

it("reads packed integers and single ones alike", () => {
  const packed = new PbfWriter();
  packed.writePackedVarint(4, signed);
  const into: number[] = [];
  readMessage(new Uint8Array(packed.finish()), "a test", (field) => field.ints(into));
  readMessage(new Message().int(4, -7).finish(), "a test", (field) => field.ints(into));
  expect(into).toEqual([...signed, -7]);
});
