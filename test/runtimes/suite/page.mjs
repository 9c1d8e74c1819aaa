// A page's main thread, bundled.
import * as seethrough from "seethrough";
import defaultModel from "seethrough/default-model";
import * as pool from "seethrough/pool";
import { post } from "./post.mjs";
import { runPool, runSuite, runThreads } from "./suite.mjs";

const report = async () => {
  const found = await runSuite(seethrough, defaultModel);
  return { ...found, pool: await runPool(pool, seethrough), threads: await runThreads(seethrough, defaultModel) };
};
post(report());
