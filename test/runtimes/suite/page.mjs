// A page's main thread: posts the report to the server it came from.
import * as seethrough from "seethrough";
import defaultModel from "seethrough/default-model";
import { runSuite } from "./suite.mjs";

runSuite(seethrough, defaultModel).then(
  (report) => post(report),
  (error) => post({ error: `${error}\n${error.stack}` }),
);

const post = (report) => fetch("/report", { method: "POST", body: JSON.stringify(report) });
