import * as seethrough from "seethrough";
import bytes from "../resnet50.onnx";
import { explainLarge, refusalOfFast } from "./large.mjs";

export default {
  async test() {
    console.log("started");
    console.log(JSON.stringify(await explainLarge(seethrough, bytes)));
    console.log(await refusalOfFast(seethrough, bytes));
  },
};
