// A worker without a bundler: it loads the package's files as they are, and the embedded model from beside them.
import * as seethrough from "/node_modules/seethrough/dist/index.js";
import { post } from "./post.mjs";
import { runSuite } from "./suite.mjs";

post(runSuite(seethrough));
