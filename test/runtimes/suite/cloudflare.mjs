// A Worker as `workerd test` runs it. Its clocks stand still between events, so the first result is announced instead.
import * as seethrough from "seethrough";
import defaultModel from "seethrough/default-model";
import * as pool from "seethrough/pool";
import { runPool, runSuite, runThreads } from "./suite.mjs";

export default {
  async test() {
    const report = await runSuite(seethrough, defaultModel, () => console.log("first result"));
    const threads = await runThreads(seethrough, defaultModel);
    console.log(JSON.stringify({ ...report, pool: await runPool(pool, seethrough), threads }));
  },
};
