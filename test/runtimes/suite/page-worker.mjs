// A worker without a bundler: it loads the package's files as they are, and the embedded model from beside them.
import * as seethrough from "/node_modules/seethrough/dist/index.js";
import * as pool from "/node_modules/seethrough/dist/pool.js";
import { post } from "./post.mjs";
import { runPool, runSuite, runThreads } from "./suite.mjs";

const report = async () => {
  const found = await runSuite(seethrough);
  return { ...found, pool: await runPool(pool, seethrough), threads: await runThreads(seethrough) };
};
post(report());
